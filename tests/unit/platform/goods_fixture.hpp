// goods_fixture: what the tests of stock and delivery stand on: the hardened variant's inventory and delivery alone,
// with orders and messages laid into the tables, and suppliers whose answers a test decides.
#pragma once

#include "reference_platform/services/answers.hpp"
#include "reference_platform/services/moves.hpp"
#include "reference_platform/services/supplier.hpp"
#include "reference_platform/store/shards.hpp"
#include "tests/unit/platform/services_fixture.hpp"

namespace platform::services_test {

/// Suppliers of the native and transfer dialects at /supplier/NAME/..., and of hmac and sharedstock behind the same
/// names.
class FakeSuppliers {
 public:
  // lose_answer: it delivers, and the answer never comes
  enum class Does { deliver, fail, part, refuse, hang, nothing, lose_answer };
  FakeSuppliers();
  ~FakeSuppliers();
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  void does(const std::string& supplier, Does what);
  /// Orders taken by request number; how often each call came.
  std::map<std::string, std::string> orders(const std::string& supplier);
  int calls(const std::string& what);
  std::vector<std::string> marks();
  std::atomic<int> stock{100};              // of the card suppliers' one product
  std::atomic<const char*> price{"10.00"};  // and what it costs

 private:
  edge::Response handle(const edge::Request& r);
  edge::Response native(const edge::Request& r, const std::string& name, const std::string& call);
  edge::Response upstream(const edge::Request& r, const std::string& name, const std::string& call);
  edge::Response shared(const edge::Request& r, const std::string& name, const std::string& call);
  void hang(std::unique_lock<std::mutex>& lock);
  std::string cards_for(const std::string& number, int quantity);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool quit_ = false;
  std::map<std::string, Does> does_;
  std::map<std::string, std::map<std::string, std::string>> orders_;  // supplier -> number -> status
  std::map<std::string, std::string> cards_;                          // number -> cards
  std::map<std::string, int> calls_;
  std::vector<std::string> marks_;
  int card_ = 0;
  std::unique_ptr<edge::Server> server_;
};

class Goods : public ServicesTest {
 protected:
  Goods() : ServicesTest("hardened") {}
  ~Goods() override;
  void SetUp() override;
  void TearDown() override;
  /// Starts both nodes.
  void start_goods(const std::map<std::string, std::string>& options = {}, const domain::Switches& switches = {});
  [[nodiscard]] ops::NodeConfig goods_config(const std::string& role, const std::map<std::string, std::string>& options,
                                             const domain::Switches& switches) const;
  /// A paid order with its reservation and its `deliver` message. Its number.
  std::string paid(const std::string& buyer, const std::string& sku, int quantity = 1, const std::string& phone = "",
                   std::int64_t amount = 0);
  /// An order that has reserved; "" when there was too little.
  std::string reserved(const std::string& buyer, const std::string& sku, int quantity,
                       const std::string& with = "inventory_reserve");
  void tell_delivery(const std::string& order_no, const std::string& topic = "deliver");
  /// The message that tells the order of its end: its topic, "" while there is none. It stays.
  std::string told(const std::string& order_no);
  domain::Json told_body(const std::string& order_no);
  bool ends(const std::string& order_no, const std::string& topic,
            std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    return wait_until([&] { return told(order_no) == topic; }, limit);
  }
  int given(const std::string& order_no);
  store::Pool& db_of(const std::string& order_no) { return shards_->at(*store::place_of(order_no)); }

  FakeSuppliers suppliers_;
  std::unique_ptr<store::Shards> shards_;
  std::string inventory_, delivery_, keys_;

 private:
  int numbers_ = 0;
};

}  // namespace platform::services_test
