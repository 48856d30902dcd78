// result: how a function says that it may fail. Members are named as in std::expected, so that the
// alias can be switched when the compiler has it.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace cardstorm {

/// What kind of failure; decides the exit code at the door (see cli/exit_code.hpp).
enum class Errc {
  invalid,      // the user's input is wrong: exit 2
  not_found,    // something named does not exist: exit 2
  refused,      // safety rule forbids it: exit 2
  unavailable,  // the environment lacks something (server, port, disk): exit 4
  timeout,      // waited long enough: exit 4
  io,           // the system refused a read, write or call: exit 4
  cancelled,    // the user interrupted: exit 130
  internal,     // a bug of ours: exit 4
};

/// `what` says what was wanted, what was found and where; `remedy` says what to do next (may be empty).
struct Error {
  Errc code = Errc::internal;
  std::string what;
  std::string remedy = {};

  /// Puts "place: " in front, to build a path of places from the inside out.
  [[nodiscard]] Error in(const std::string& place) && {
    what = place + ": " + what;
    return std::move(*this);
  }
};

/// Either a value or an Error. Reading the wrong one is a bug and asserts.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  [[nodiscard]] T& value() & {
    assert(has_value());
    return std::get<0>(state_);
  }
  [[nodiscard]] const T& value() const& {
    assert(has_value());
    return std::get<0>(state_);
  }
  [[nodiscard]] T&& value() && {
    assert(has_value());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& {
    assert(!has_value());
    return std::get<1>(state_);
  }
  [[nodiscard]] Error&& error() && {
    assert(!has_value());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;
inline Status ok() { return std::monostate{}; }

}  // namespace cardstorm
