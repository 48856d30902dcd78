// http_server: Beast on one io_context and one thread, plain callbacks (coroutines cost minutes to compile under
// sanitizers).
#include "harness/net/http_server.hpp"

#ifdef __SANITIZE_THREAD__
#pragma GCC diagnostic ignored "-Wtsan"  // Asio's fences, which the thread sanitizer does not model
#endif

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>

#include "harness/core/text.hpp"

namespace cardstorm {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr auto kClientLimit = 30s;   // to send a request, or to take an answer
constexpr auto kIdleLimit = 120s;    // a kept connection between requests: longer than libcurl keeps one
constexpr auto kFarewellLimit = 1s;  // a refused client may still be sending
constexpr std::size_t kFarewellBytesMax = std::size_t{4} << 20;
constexpr std::size_t kHeaderBytesMax = 16 * 1024;
constexpr std::size_t kConnectionsMax = 4096;  // more wait in the kernel's backlog

/// The way back to the server's thread, closed when the server goes: answers may come later than that.
class Gate {
 public:
  explicit Gate(asio::io_context& io) : io_(&io) {}
  template <class Task>
  void post(Task task) {
    const std::lock_guard lock(mutex_);
    if (io_ != nullptr) asio::post(*io_, std::move(task));
  }
  void close() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::io_context* io_;
};

class Session;

/// What all connections of one server share. Touched on the server's thread only.
struct Shared {
  HttpServer::Handler handler;
  std::size_t body_max = 0;
  std::shared_ptr<Gate> gate;
  std::unordered_set<std::shared_ptr<Session>> sessions;  // keeps those alive that wait for an answer
  std::function<void()> session_ended;
};

/// One connection: read a request, wait for its answer, write it, again.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Shared& shared) : stream_(std::move(socket)), shared_(shared) {}

  /// Waits for the first byte of the next request.
  void next();
  /// Sends the answer to the request at hand; ignored when the connection is gone.
  void answer(ServerResponse response);

 private:
  void read();
  void handle();
  void refuse(http::status status);
  void write();
  void say_farewell();
  void end();

  beast::tcp_stream stream_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  bool head_ = false;
  std::size_t farewell_bytes_ = 0;
};

/// One request's right to be answered exactly once. Dropped unused, it answers 500, so that no client waits for
/// nothing.
class PendingReply {
 public:
  PendingReply(std::shared_ptr<Gate> gate, std::weak_ptr<Session> session)
      : gate_(std::move(gate)), session_(std::move(session)) {}
  ~PendingReply() { send({500, R"({"code":"no_answer"})"}); }
  PendingReply(const PendingReply&) = delete;
  PendingReply& operator=(const PendingReply&) = delete;

  void send(ServerResponse response) {
    if (sent_.exchange(true)) return;
    gate_->post([session = session_, answer = std::move(response)]() mutable {
      if (const auto open = session.lock()) open->answer(std::move(answer));
    });
  }

 private:
  std::shared_ptr<Gate> gate_;
  std::weak_ptr<Session> session_;
  std::atomic<bool> sent_{false};
};

std::string text_of(beast::string_view text) { return {text.data(), text.size()}; }

ServerRequest request_of(http::request<http::string_body>&& message) {
  ServerRequest out;
  out.method = text_of(message.method_string());
  const std::string target = text_of(message.target());
  const auto mark = target.find('?');
  out.path = target.substr(0, mark);
  if (mark != std::string::npos) out.query = target.substr(mark + 1);
  for (const auto& field : message)
    out.headers.emplace_back(lower(text_of(field.name_string())), text_of(field.value()));
  out.body = std::move(message.body());
  return out;
}

bool is_malformed(const ErrorCode& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

void Session::next() {
  if (buffer_.size() > 0) return read();  // the client did not wait for our answer before it sent more
  stream_.expires_after(kIdleLimit);
  stream_.async_read_some(buffer_.prepare(4096), [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
    if (error) return self->end();
    self->buffer_.commit(bytes);
    self->read();
  });
}

void Session::read() {
  parser_.emplace();
  parser_->body_limit(shared_.body_max);
  parser_->header_limit(kHeaderBytesMax);
  stream_.expires_after(kClientLimit);
  http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](ErrorCode error, std::size_t) {
    if (!error) return self->handle();
    if (error == http::error::body_limit) return self->refuse(http::status::payload_too_large);
    if (is_malformed(error)) return self->refuse(http::status::bad_request);
    self->end();
  });
}

void Session::handle() {
  stream_.expires_never();
  auto message = parser_->release();
  response_ = {};
  response_.version(message.version());
  response_.keep_alive(message.keep_alive());
  head_ = message.method() == http::verb::head;
  const auto pending = std::make_shared<PendingReply>(shared_.gate, weak_from_this());
  const ServerRequest request = request_of(std::move(message));
  try {
    shared_.handler(request, [pending](ServerResponse response) { pending->send(std::move(response)); });
  } catch (const std::exception&) {
    pending->send({500, R"({"code":"internal"})"});
  }
}

void Session::answer(ServerResponse response) {
  response_.result(static_cast<unsigned>(response.status));
  response_.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) response_.set(name, value);
  response_.body() = std::move(response.body);
  if (response.status == 204 || response.status == 304)
    response_.body().clear();  // RFC 9110: these have none, and Beast insists
  response_.prepare_payload();
  if (head_) response_.body().clear();  // the length stays: it tells what GET would bring
  write();
}

void Session::refuse(http::status status) {
  response_ = {status, 11};
  response_.keep_alive(false);
  response_.set(http::field::content_type, "application/json");
  response_.body() = status == http::status::bad_request ? R"({"code":"bad_request"})" : R"({"code":"too_large"})";
  response_.prepare_payload();
  write();
}

void Session::write() {
  stream_.expires_after(kClientLimit);
  http::async_write(stream_, response_, [self = shared_from_this()](ErrorCode error, std::size_t) {
    if (error) return self->end();
    if (self->response_.keep_alive()) return self->next();
    ErrorCode ignored;
    self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    self->stream_.expires_after(kFarewellLimit);
    self->say_farewell();
  });
}

// Closing a socket with unread bytes sends a reset, which may destroy the answer that is still on its way.
void Session::say_farewell() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(16 * 1024), [self = shared_from_this()](ErrorCode error, std::size_t bytes) {
    self->farewell_bytes_ += bytes;
    if (error || self->farewell_bytes_ > kFarewellBytesMax) return self->end();
    self->say_farewell();
  });
}

void Session::end() {
  shared_.sessions.erase(shared_from_this());  // closes when the last pending handler lets go
  shared_.session_ended();
}

/// The listening socket. Made by hand: Asio's sockets are inherited by children, and a child that holds a port keeps it
/// open.
Result<int> listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Error{Errc::unavailable, std::string("cannot make a socket: ") + std::strerror(errno)};
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && listen(fd, SOMAXCONN) == 0)
    return fd;
  const Error error{Errc::unavailable,
                    "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno),
                    "end the process that holds the port, or take another port (0 takes a free one)"};
  close(fd);
  return error;
}

class BeastServer final : public HttpServer {
 public:
  BeastServer(int listening, Handler handler, std::size_t body_max);
  ~BeastServer() override;
  BeastServer(const BeastServer&) = delete;
  BeastServer& operator=(const BeastServer&) = delete;

  [[nodiscard]] int port() const override { return port_; }
  void after(Nanos delay, std::function<void()> task) override;

 private:
  void wait_for_clients();
  void accept_clients();
  void rest();  // out of descriptors: try again a little later

  Shared shared_;
  asio::io_context io_{1};  // after shared_: its pending handlers own sessions, which use shared_
  tcp::acceptor acceptor_{io_};
  asio::steady_timer rest_{io_};
  bool accepting_ = false;
  int port_ = 0;
  std::thread thread_;
};

BeastServer::BeastServer(int listening, Handler handler, std::size_t body_max) {
  shared_.handler = std::move(handler);
  shared_.body_max = body_max;
  shared_.gate = std::make_shared<Gate>(io_);
  shared_.session_ended = [this] {
    if (!accepting_) wait_for_clients();
  };
  acceptor_.assign(tcp::v4(), listening);
  port_ = acceptor_.local_endpoint().port();
  wait_for_clients();
  thread_ = std::thread([this] {
    const auto guard = asio::make_work_guard(io_);
    io_.run();
  });
}

BeastServer::~BeastServer() {
  io_.stop();
  thread_.join();
  shared_.gate->close();
  shared_.sessions.clear();
}

void BeastServer::wait_for_clients() {
  accepting_ = true;
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](ErrorCode error) {
    accepting_ = false;
    if (!error) accept_clients();
  });
}

void BeastServer::accept_clients() {
  while (shared_.sessions.size() < kConnectionsMax) {
    const int fd = accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return wait_for_clients();
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) return rest();
    if (fd < 0) continue;  // that client is gone already
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    tcp::socket socket(io_);
    socket.assign(tcp::v4(), fd);
    const auto session = std::make_shared<Session>(std::move(socket), shared_);
    shared_.sessions.insert(session);
    session->next();
  }
}

void BeastServer::rest() {
  accepting_ = true;
  rest_.expires_after(100ms);
  rest_.async_wait([this](ErrorCode error) {
    accepting_ = false;
    if (!error) accept_clients();
  });
}

void BeastServer::after(Nanos delay, std::function<void()> task) {
  auto timer = std::make_shared<asio::steady_timer>(io_, delay);
  asio::post(io_, [timer, task = std::move(task)]() mutable {
    timer->async_wait([timer, task = std::move(task)](ErrorCode error) {
      if (!error) task();
    });
  });
}

}  // namespace

const std::string& ServerRequest::header(std::string_view name) const {
  static const std::string none;
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return none;
}

Result<std::unique_ptr<HttpServer>> serve(int port, HttpServer::Handler handler, std::size_t body_max) {
  const auto listening = listen_on(port);
  if (!listening) return listening.error();
  return std::unique_ptr<HttpServer>(std::make_unique<BeastServer>(*listening, std::move(handler), body_max));
}

}  // namespace cardstorm
