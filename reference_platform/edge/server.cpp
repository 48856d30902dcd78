// server: the HTTP server of a node. One I/O thread reads and writes without blocking; N workers run the handler. The
// only place of the platform that sees Boost.Beast and Asio.
#include <fcntl.h>

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unordered_set>

#include "reference_platform/edge/http.hpp"
#include "reference_platform/edge/wire.hpp"

namespace platform::edge {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint32_t kHeaderMax = 16 * 1024;
constexpr auto kIdleMax = 60s;  // a kept connection without a request; longer than our client keeps one
constexpr auto kLinger = 1s;    // to let the other side read an error before the connection is reset
constexpr int kBacklog = 4096;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

class Session;
struct Job {
  std::shared_ptr<Session> session;
  Request request;
};

/// Sessions call the server through this; the server outlives them.
class Host {
 public:
  virtual ~Host() = default;
  virtual void enqueue(Job job) = 0;        // I/O thread
  virtual void gone(Session* session) = 0;  // I/O thread
  [[nodiscard]] virtual bool stopping() const = 0;
  [[nodiscard]] virtual const ServerOptions& options() const = 0;
};

/// One connection. All members belong to the I/O thread, apart from answer(), which may be called from a worker.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Host& host) : socket_(std::move(socket)), timer_(socket_.get_executor()), host_(host) {}

  void start() { wait_for_request(); }

  /// Any thread.
  void answer(Response response) {
    asio::post(socket_.get_executor(), [self = shared_from_this(), r = std::move(response)] { self->write(r); });
  }

  /// Ends the connection unless a request of it is being served.
  void close_if_idle() {
    if (state_ == State::waiting) close();
  }
  /// The workers are gone: only an answer on its way may still finish, soon.
  void close_unless_writing() {
    if (state_ == State::writing)
      arm(kLinger);
    else if (state_ != State::lingering)
      close();
  }

 private:
  enum class State { waiting, reading, serving, writing, lingering, closed };

  // A separate wait for the first byte, so that the time to read a request does not start while the connection is idle.
  void wait_for_request() {
    if (host_.stopping()) return close();
    parser_.emplace();
    parser_->header_limit(kHeaderMax);
    parser_->body_limit(host_.options().body_max);
    if (buffer_.size() > 0) return read();  // the next request came along with the last one
    state_ = State::waiting;
    arm(kIdleMax);
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](ErrorCode ec) {
      if (ec || self->state_ != State::waiting) return self->close();
      self->read();
    });
  }

  void read() {
    state_ = State::reading;
    arm(host_.options().transfer_max);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](ErrorCode ec, std::size_t) { self->on_header(ec); });
  }

  // Who asks first whether his body is welcome keeps it back until he hears of us.
  void on_header(ErrorCode ec) {
    if (state_ != State::reading) return;
    if (ec || parser_->is_done()) return on_read(ec);
    const auto& header = parser_->get();
    if (header.version() < 11 || !boost::beast::iequals(header[http::field::expect], "100-continue"))
      return read_body();
    asio::async_write(socket_, asio::buffer(kContinue), [self = shared_from_this()](ErrorCode failed, std::size_t) {
      if (self->state_ != State::reading) return;
      failed ? self->on_read(failed) : self->read_body();
    });
  }

  void read_body() {
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](ErrorCode ec, std::size_t) { self->on_read(ec); });
  }

  void on_read(ErrorCode ec) {
    if (state_ != State::reading) return;
    keep_alive_ = false;
    request_id_.clear();
    head_ = false;
    if (ec) return on_bad_read(ec);
    serve();
  }

  void on_bad_read(ErrorCode ec) {
    if (timed_out_) return write(refusal(408, "slow_request", "the request did not arrive in time"));
    if (ec == http::error::body_limit)
      return write(refusal(413, "too_large", "the body is larger than this server takes"));
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
      return write(refusal(431, "header_too_large", "the header is larger than 16 KB"));
    if (ec.category() == http::make_error_code(http::error::bad_method).category() &&
        ec != http::error::end_of_stream && ec != http::error::partial_message)
      return write(refusal(400, "malformed", "this is not HTTP/1.1"));
    close();
  }

  void serve() {
    auto message = parser_->release();
    Job job;
    Request& r = job.request;
    r.arrived = SteadyClock::now();
    r.method = std::string(message.method_string());
    const std::string target = origin_form(message.target());
    const auto question = target.find('?');
    r.path = target.substr(0, question);
    if (question != std::string::npos) r.query = target.substr(question + 1);
    for (const auto& field : message) {
      std::string name(field.name_string());
      for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      r.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    r.body = std::move(message.body());
    keep_alive_ = message.version() >= 11 && message.keep_alive();  // HTTP/1.0 would want to be told that we stay
    head_ = message.method() == http::verb::head;
    if (!clean_text(r)) return refuse_encoding();
    if (!clear_mark(r)) return refuse_mark();
    request_id_ = r.header("x-request-id");
    state_ = State::serving;
    timer_.cancel();
    job.session = shared_from_this();
    host_.enqueue(std::move(job));
  }

  void refuse_mark() { write(refusal(400, "bad_mark", "X-Cardstorm-Mark is one text of at most 128 bytes")); }
  void refuse_encoding() { write(refusal(400, "bad_encoding", "the request has bytes that are not UTF-8")); }

  void write(const Response& response) {
    if (state_ == State::closed) return;
    const bool broken = state_ == State::reading;  // what follows on this connection cannot be trusted
    state_ = State::writing;
    if (host_.stopping()) keep_alive_ = false;
    out_ = wire_text(response, request_id_, keep_alive_, head_);
    arm(host_.options().transfer_max);
    asio::async_write(socket_, asio::buffer(out_), [self = shared_from_this(), broken](ErrorCode ec, std::size_t) {
      if (ec || self->state_ != State::writing) return self->close();
      if (self->keep_alive_) return self->wait_for_request();
      broken ? self->linger() : self->close();
    });
  }

  // Closing with unread bytes resets the connection and may destroy our answer on its way: read them off for a moment.
  void linger() {
    state_ = State::lingering;
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    arm(kLinger);
    discard();
  }
  void discard() {
    socket_.async_read_some(asio::buffer(trash_), [self = shared_from_this()](ErrorCode ec, std::size_t) {
      if (ec) return self->close();
      self->discard();
    });
  }

  void arm(SteadyClock::duration limit) {
    timed_out_ = false;
    timer_.expires_after(limit);
    timer_.async_wait([self = shared_from_this()](ErrorCode ec) {
      if (ec || self->timer_.expiry() > SteadyClock::now()) return;
      self->on_timeout();
    });
  }
  void on_timeout() {
    if (state_ != State::reading) return close();
    timed_out_ = true;  // the read ends with an error and answers 408
    ErrorCode ignored;
    socket_.cancel(ignored);
  }

  void close() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    timer_.cancel();
    ErrorCode ignored;
    socket_.close(ignored);
    host_.gone(this);
  }

  tcp::socket socket_;
  asio::steady_timer timer_;
  Host& host_;
  boost::beast::flat_buffer buffer_{kHeaderMax + (1U << 16)};
  std::optional<http::request_parser<http::string_body>> parser_;
  State state_ = State::waiting;
  bool keep_alive_ = false, head_ = false, timed_out_ = false;
  std::string request_id_, out_;
  std::array<char, 4096> trash_{};
};

class ServerImpl final : public Server, public Host {
 public:
  ServerImpl(const ServerOptions& options, Handler handler)
      : options_(options), handler_(std::move(handler)), acceptor_(io_), accept_again_(io_), age_timer_(io_) {
    listen();
    accept();
    io_thread_ = std::thread([this] { io_.run(); });
    for (int i = 0; i < options_.threads; ++i) workers_.emplace_back([this] { work(); });
  }

  ~ServerImpl() override {
    stopping_ = true;
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    wake_.notify_all();
    asio::post(io_, [this] {
      ErrorCode ignored;
      acceptor_.close(ignored);
      accept_again_.cancel();
      age_timer_.cancel();
      for_each_session([](Session& s) { s.close_if_idle(); });
    });
    for (auto& w : workers_) w.join();
    // Posted after the last answer of the last worker, hence run after it. From here on io_.run() ends by itself.
    asio::post(io_, [this] {
      for_each_session([](Session& s) { s.close_unless_writing(); });
      running_.reset();
    });
    io_thread_.join();
  }

  [[nodiscard]] int port() const override { return port_; }
  [[nodiscard]] std::size_t queued() const override {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }
  [[nodiscard]] int busy() const override { return busy_; }

 private:
  void listen() {
    try {
      const tcp::endpoint at(asio::ip::make_address_v4("127.0.0.1"), static_cast<std::uint16_t>(options_.port));
      acceptor_.open(at.protocol());
      ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);  // Asio does not
      acceptor_.set_option(tcp::acceptor::reuse_address(true));
      acceptor_.bind(at);
      acceptor_.listen(kBacklog);
      port_ = acceptor_.local_endpoint().port();
    } catch (const boost::system::system_error& e) {
      throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(options_.port) + ": " +
                               e.code().message());
    }
  }

  void accept() {
    acceptor_.async_accept([this](ErrorCode ec, tcp::socket socket) {
      if (stopping_) return;
      if (ec) return accept_later();
      ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      ErrorCode ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      auto session = std::make_shared<Session>(std::move(socket), *this);
      sessions_.insert(session.get());
      session->start();
      accept();
    });
  }
  // Mostly "too many open files": a moment later a connection may have ended.
  void accept_later() {
    accept_again_.expires_after(50ms);
    accept_again_.async_wait([this](ErrorCode ec) {
      if (!ec && !stopping_) accept();
    });
  }

  void enqueue(Job job) override {
    {
      std::unique_lock lock(mutex_);
      const bool full = options_.queue_max > 0 && queue_.size() >= options_.queue_max;
      if (full || quit_) {
        lock.unlock();
        answer(job, refusal(503, "overloaded", full ? "the queue is full" : "the node is stopping", true));
        return;
      }
      queue_.push_back(std::move(job));
    }
    wake_.notify_one();
    arm_age_timer();
  }

  // The I/O thread answers old requests itself: when all workers are stuck nobody else would.
  void arm_age_timer() {
    if (options_.queue_age_max <= 0ms || age_armed_) return;
    SteadyClock::time_point oldest;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) return;
      oldest = queue_.front().request.arrived;
    }
    age_armed_ = true;
    age_timer_.expires_at(oldest + options_.queue_age_max);
    age_timer_.async_wait([this](ErrorCode ec) {
      age_armed_ = false;
      if (ec || stopping_) return;
      refuse_aged();
      arm_age_timer();
    });
  }
  void refuse_aged() {
    std::vector<Job> aged;
    {
      const std::lock_guard lock(mutex_);
      const auto now = SteadyClock::now();
      while (!queue_.empty() && now - queue_.front().request.arrived >= options_.queue_age_max) {
        aged.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    for (const auto& job : aged) answer(job, refusal(503, "overloaded", "the request waited too long", true));
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return quit_ || !queue_.empty(); });
      if (queue_.empty()) return;
      Job job = std::move(queue_.front());
      queue_.pop_front();
      const bool refuse = quit_;
      ++busy_;
      lock.unlock();
      refuse ? answer(job, refusal(503, "overloaded", "the node is stopping", true)) : serve(job);
      job = {};  // the last owner of a session must not be a worker that holds the lock
      --busy_;
      lock.lock();
    }
  }

  /// A refusal without the handler.
  void answer(const Job& job, Response response) const {
    if (observer() != nullptr) tell(job.request, incoming_context(job.request), response.status);
    job.session->answer(std::move(response));
  }

  void serve(const Job& job) {
    const Incoming incoming = incoming_context(job.request);
    const observe::Scope scope(incoming.context);
    Response response = handle(job.request);
    tell(job.request, incoming, response.status);
    job.session->answer(std::move(response));
  }

  void tell(const Request& request, const Incoming& incoming, int status) const {
    if (Observer* o = observer()) {
      o->on_request({options_.name, request.method, request.path, status, request.arrived,
                     SteadyClock::now() - request.arrived, incoming.context, incoming.parent_span});
    }
  }

  Response handle(const Request& request) {
    try {
      return handler_(request);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "error: %s %s: %s\n", request.method.c_str(), request.path.c_str(), e.what());
    } catch (...) {
      std::fprintf(stderr, "error: %s %s: unknown exception\n", request.method.c_str(), request.path.c_str());
    }
    return refusal(500, "internal", "the request could not be served");
  }

  template <class F>
  void for_each_session(F f) {
    std::vector<std::shared_ptr<Session>> all;  // f may remove the session from the set
    for (Session* s : sessions_) all.push_back(s->shared_from_this());
    for (const auto& s : all) f(*s);
  }

  void gone(Session* session) override { sessions_.erase(session); }
  [[nodiscard]] bool stopping() const override { return stopping_; }
  [[nodiscard]] const ServerOptions& options() const override { return options_; }

  const ServerOptions options_;
  const Handler handler_;
  std::unordered_set<Session*> sessions_;  // I/O thread; before io_, whose end destroys sessions
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> running_{
      io_.get_executor()};  // while workers may still answer
  tcp::acceptor acceptor_;
  asio::steady_timer accept_again_, age_timer_;
  bool age_armed_ = false;  // I/O thread
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> busy_{0};
  mutable std::mutex mutex_;  // guards queue_ and quit_
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool quit_ = false;
  std::thread io_thread_;
  std::vector<std::thread> workers_;
};

}  // namespace

std::unique_ptr<Server> serve(const ServerOptions& options, Handler handler) {
  return std::make_unique<ServerImpl>(options, std::move(handler));
}

}  // namespace platform::edge
