// goods_fixture: see goods_fixture.hpp.
#include "tests/unit/platform/goods_fixture.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace platform::services_test {

using namespace std::chrono_literals;
using domain::Json;
using domain::JsonObject;
using edge::Request;
using edge::Response;
using services::json_answer;

FakeSuppliers::FakeSuppliers() {
  edge::ServerOptions options;
  options.threads = 24;
  server_ = edge::serve(options, [this](const Request& r) { return handle(r); });
}

FakeSuppliers::~FakeSuppliers() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  server_.reset();
}

void FakeSuppliers::does(const std::string& supplier, Does what) {
  {
    const std::lock_guard lock(mutex_);
    does_[supplier] = what;
  }
  changed_.notify_all();
}

std::map<std::string, std::string> FakeSuppliers::orders(const std::string& supplier) {
  const std::lock_guard lock(mutex_);
  return orders_[supplier];
}

int FakeSuppliers::calls(const std::string& what) {
  const std::lock_guard lock(mutex_);
  return calls_[what];
}

std::vector<std::string> FakeSuppliers::marks() {
  const std::lock_guard lock(mutex_);
  return marks_;
}

void FakeSuppliers::hang(std::unique_lock<std::mutex>& lock) {
  changed_.wait_for(lock, 4s, [this] { return quit_; });
}

Response FakeSuppliers::handle(const Request& r) {
  const auto parts = services::path_parts(r.path);
  if (parts.size() < 3 || parts[0] != "supplier") return json_answer(404, "{}");
  const std::string call = r.path.substr(parts[0].size() + parts[1].size() + 2);
  {
    const std::lock_guard lock(mutex_);
    ++calls_[r.method + " " + parts[1] + call];
    marks_.push_back(r.header("x-cardstorm-mark"));
  }
  if (call.starts_with("/api/")) return upstream(r, parts[1], call);
  if (call.starts_with("/shared/")) return shared(r, parts[1], call);
  return native(r, parts[1], call);
}

Response FakeSuppliers::native(const Request& r, const std::string& name, const std::string& call) {
  if (!services::partner_signed(kKey, r)) return json_answer(401, R"({"code":"bad_sign"})");
  const bool truck = name == "truck";
  const Json body = Json::parse(r.body).value_or(Json());
  const std::string word = truck ? "transfer_no" : "request_no";
  const std::string number = r.method == "GET" ? services::query_value(r.query, word) : body[word].text();
  std::unique_lock lock(mutex_);
  const Does what = does_[name];
  if (what == Does::hang) hang(lock);
  auto& orders = orders_[name];
  if (call == "/revoke") {
    if (!orders.contains(number)) return json_answer(404, "{}");
    orders[number] = "REVOKED";
  } else if (r.method == "POST") {
    if (what == Does::refuse) return json_answer(400, R"({"code":"bad_request"})");
    if (what == Does::hang) return json_answer(500, "{}");
    orders.emplace(number, what == Does::fail      ? "FAILED"
                           : what == Does::part    ? "PARTIAL"
                           : what == Does::nothing ? "ACCEPTED"
                           : truck                 ? "CONFIRMED"
                                                   : "SUCCESS");
    if (what == Does::lose_answer) hang(lock);
  }
  if (!orders.contains(number)) return json_answer(404, R"({"code":"not_found"})");
  const std::string& status = orders[number];
  const bool first = r.method == "POST" && call == "/order";
  JsonObject out;
  out.add(word, number)
      .add("status", first                           ? (truck ? "PENDING" : "ACCEPTED")
                     : truck && status == "ACCEPTED" ? "PENDING"
                                                     : status);
  if (truck)
    out.add("quantity", 4).add("delivered", status == "PARTIAL" ? 1 : 4);
  else
    out.add("delivered_cents", status == "PARTIAL" ? 1000 : status == "SUCCESS" ? 3000 : 0);
  return json_answer(200, out.done());
}

std::string FakeSuppliers::cards_for(const std::string& number, int quantity) {
  if (cards_.contains(number)) return cards_[number];
  std::string out;
  for (int i = 0; i < quantity; ++i) out += "UP-\"" + std::to_string(++card_) + "\\\n";
  stock -= quantity;
  return cards_[number] = out;
}

Response FakeSuppliers::upstream(const Request& r, const std::string& name, const std::string& call) {
  if (r.header("dujiao-next-signature") !=
      services::upstream_sign("secret-" + name, r.method, r.path, r.header("dujiao-next-timestamp"), r.body))
    return json_answer(401, R"({"ok":false})");
  std::unique_lock lock(mutex_);
  const Does what = does_[name];
  if (call.ends_with("/products")) {
    return json_answer(200, R"({"ok":true,"items":[{"id":7,"skus":[{"id":7,"sku_code":"gold","price_amount":")" +
                                std::string(price) + R"(","stock_quantity":)" + std::to_string(stock) +
                                R"(,"is_active":true}]}]})");
  }
  if (call.ends_with("/orders")) {
    const Json body = Json::parse(r.body).value_or(Json());
    const std::string number = body["downstream_order_no"].text();
    const int quantity = static_cast<int>(body["quantity"].integer());
    if (what == Does::hang) {
      hang(lock);
      return json_answer(500, "{}");
    }
    if (!orders_[name].contains(number) && stock < quantity)
      return json_answer(409, R"({"ok":false,"error_code":"insufficient_stock"})");
    if (!orders_[name].contains(number)) orders_[name][number] = std::to_string(orders_[name].size() + 1);
    cards_for(number, what == Does::part ? quantity / 2 : quantity);
    if (what == Does::lose_answer) {
      hang(lock);
      return json_answer(500, "{}");
    }
    return json_answer(
        200, JsonObject().add("ok", true).raw("order_id", orders_[name][number]).add("status", "paid").done());
  }
  const std::string id = call.substr(call.rfind('/') + 1);
  for (const auto& [number, its] : orders_[name]) {
    if (its != id) continue;
    return json_answer(200, JsonObject()
                                .add("ok", true)
                                .raw("order_id", id)
                                .add("status", what == Does::part ? "partially_delivered" : "completed")
                                .raw("fulfillment", JsonObject().add("payload", cards_[number]).done())
                                .done());
  }
  return json_answer(404, R"({"ok":false})");
}

Response FakeSuppliers::shared(const Request& r, const std::string& name, const std::string& call) {
  auto form = services::parse_form(r.body).value_or(services::Form());
  if (form["sign"] != services::sharedstock_sign(form, "secret-" + name))
    return json_answer(200, R"({"code":0,"msg":"sign"})");
  std::unique_lock lock(mutex_);
  const Does what = does_[name];
  if (call.ends_with("/items"))
    return json_answer(200, R"({"code":200,"data":[{"id":1,"children":[{"code":"gold","user_price":")" +
                                std::string(price) + R"("},{"code":"gold","user_price":")" + std::string(price) +
                                R"("}]}]})");  // in two places
  if (call.ends_with("/inventory"))
    return json_answer(200, R"({"code":200,"data":{"count":)" + std::to_string(stock) + "}}");
  if (!call.ends_with("/trade")) return json_answer(200, R"({"code":200,"data":[]})");
  const std::string number = form["request_no"];
  if (!orders_[name].emplace(number, "done").second)
    return json_answer(200, R"({"code":0,"msg":"The request ID already exists"})");
  const std::string cards = cards_for(number, std::atoi(form["num"].c_str()));
  if (what == Does::lose_answer) {
    hang(lock);
    return json_answer(500, "{}");
  }
  return json_answer(200, JsonObject()
                              .add("code", 200)
                              .raw("data", JsonObject().add("tradeNo", "t-" + number).add("secret", cards).done())
                              .done());
}

Goods::~Goods() {
  std::error_code ignored;
  if (!keys_.empty()) std::filesystem::remove_all(keys_, ignored);
}

void Goods::SetUp() {
  ServicesTest::SetUp();
  shards_ =
      std::make_unique<store::Shards>(database_urls_, std::vector<std::string>{}, store::PoolOptions{"", 8, 5s, 0ms});
  char folder[] = "/tmp/cardstorm-goods-XXXXXX";
  keys_ = ::mkdtemp(folder);
  for (const char* name : {"up", "as"}) {
    std::filesystem::create_directories(keys_ + "/" + name);
    std::ofstream(keys_ + "/" + name + "/id") << "shop\n";
    std::ofstream(keys_ + "/" + name + "/secret") << "secret-" << name << "\n";
  }
}

void Goods::TearDown() {
  ServicesTest::TearDown();
  shards_.reset();
}

ops::NodeConfig Goods::goods_config(const std::string& role, const std::map<std::string, std::string>& options,
                                    const domain::Switches& switches) const {
  ops::NodeConfig c = config(role, role, "hardened");
  c.partners_url = suppliers_.url();
  for (const auto& [name, value] : options) c.options[name] = value;
  c.options.emplace("upstream_keys", keys_);
  c.options.emplace("upstream_sync_ms", "50");
  c.switches = switches;
  if (!inventory_.empty()) c.peers["inventory"] = {inventory_};
  return c;
}

void Goods::start_goods(const std::map<std::string, std::string>& options, const domain::Switches& switches) {
  if (inventory_.empty()) inventory_ = start(goods_config("inventory", options, switches));
  delivery_ = start(goods_config("delivery", options, switches));
}

std::string Goods::reserved(const std::string& buyer, const std::string& sku, int quantity, const std::string& with) {
  const store::Place place{store::partition_of(buyer), false};
  const std::string no = store::order_number(place, std::to_string(++numbers_) + services::random_id());
  const std::string sql = "SELECT " + with + "($1, $2, $3)";
  const auto row = shards_->at(place).take()->run(sql.c_str(), {no, sku, std::to_string(quantity)});
  return row.text(0, 0) == "t" ? no : "";
}

std::string Goods::paid(const std::string& buyer, const std::string& sku, int quantity, const std::string& phone,
                        std::int64_t amount) {
  const std::string no = reserved(buyer, sku, quantity);
  EXPECT_FALSE(no.empty()) << sku << " is sold out";
  if (no.empty()) return no;
  const int part = store::place_of(no)->partition;
  db_of(no).take()->run(
      "INSERT INTO orders(part, order_no, buyer, idem_key, sku, class, quantity, amount_cents, phone, status, "
      "paid_via, paid_cents, mark, trace) "
      "SELECT $1, $2, $3, $2, sku, class, $4, coalesce(nullif($5::bigint, 0), price_cents * $4::int), $6, 'paid', "
      "'wallet', coalesce(nullif($5::bigint, 0), price_cents * $4::int), 'm1', "
      "'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' FROM goods WHERE sku = $7",
      {std::to_string(part), no, buyer, std::to_string(quantity), std::to_string(amount), phone, sku});
  tell_delivery(no);
  return no;
}

void Goods::tell_delivery(const std::string& order_no, const std::string& topic) {
  db_of(order_no).take()->run(
      "INSERT INTO outbox(topic, order_no, body, mark, trace) SELECT $2, order_no, deliver_body(o), mark, trace FROM "
      "orders o WHERE order_no = $1",
      {order_no, topic});
}

std::string Goods::told(const std::string& order_no) {
  const auto rows = db_of(order_no).take()->run(
      "SELECT topic FROM outbox WHERE order_no = $1 AND topic IN ('delivered','undeliverable')", {order_no});
  EXPECT_LE(rows.size(), 1) << "told twice";
  return rows.empty() ? "" : std::string(rows.text(0, 0));
}

Json Goods::told_body(const std::string& order_no) {
  const auto rows = db_of(order_no).take()->run(
      "SELECT body FROM outbox WHERE order_no = $1 AND topic IN ('delivered','undeliverable')", {order_no});
  return rows.empty() ? Json() : Json::parse(rows.text(0, 0)).value_or(Json());
}

int Goods::given(const std::string& order_no) {
  return static_cast<int>(db_of(order_no)
                              .take()
                              ->run("SELECT count(*) FROM deliveries d JOIN cards c ON c.id = d.card_id AND c.order_no "
                                    "= d.order_no AND c.sold WHERE d.order_no = $1",
                                    {order_no})
                              .number(0, 0));
}

}  // namespace platform::services_test
