// curl_transfer: one request through libcurl: what is set on its handle, what libcurl tells on the way, and what its
// end means for the caller. For this room only.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "harness/net/http_transport.hpp"

struct curl_slist;

namespace cardstorm::curl {

/// Once per process, before anything else of libcurl.
void init();

/// What the transfers of one client share.
struct Wire {
  const AllowList& allow;
  HttpClientLimits limits;
  ConnectPace pace;
  std::size_t open = 0;     // sockets, idle ones included
  std::size_t opening = 0;  // transfers that wait for a connection of their own to stand
  std::size_t begun = 0;    // transfers whose request is on a connection
  std::size_t streams = 0;  // that a connection carries at a time; 0: whether the server has HTTP/2 is not known yet
  std::map<std::int64_t, std::int64_t> goodbyes =
      {};  // by number of the connection: the last HTTP/2 stream that the server took
};

/// One request on one easy handle. The handle and its buffers are used again and again.
class Transfer {
 public:
  /// `wire` outlives the transfer and the connections that it makes.
  explicit Transfer(Wire& wire);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sets the handle up. An error text when the request cannot be put on the wire at all.
  std::optional<std::string> prepare(HttpRequest request);
  /// What `code` (a CURLcode) means for the caller; `sent` and `done` are left to him.
  HttpResponse conclude(int code);

  /// libcurl's CURL*.
  void* easy() { return easy_; }
  /// The transfer of a CURL*.
  static Transfer& of(void* easy);
  /// How long the whole request may take from now on.
  void limit_time(Nanos left);
  [[nodiscard]] Nanos timeout() const { return request_.timeout; }

  HttpClient::Done done;
  Nanos sent{0};
  Nanos deadline{0};     // CLOCK_MONOTONIC
  std::size_t slot = 0;  // where it stands in CurlTransport::running_

 private:
  struct Told;  // what libcurl tells us while it works
  void set_method();
  void set_way();
  bool set_headers();
  void begin();
  void stop_counting();
  [[nodiscard]] bool not_taken() const;
  [[nodiscard]] Cause cause_of(int code, bool request_left) const;

  void* easy_;
  curl_slist* headers_ = nullptr;
  Wire& wire_;
  HttpRequest request_;
  HttpResponse response_;
  bool too_large_ = false, dialled_ = false, begun_ = false;
  bool opening_ = false, counted_ = false;  // stands in wire_.opening, wire_.begun
  std::int64_t connection_ = -1;  // the number of the connection that was found for the request, -1: not known
  std::int64_t onto_ = -1;        // of the one that it went onto
  std::int64_t stream_ = 0;       // its HTTP/2 stream there, 0: not known
  std::size_t head_bytes_ = 0;
  bool refusal_ = false;  // the answer at hand has a status of 400 or above
  std::string refused_address_;
  std::array<char, 256> error_{};  // CURL_ERROR_SIZE
};

}  // namespace cardstorm::curl
