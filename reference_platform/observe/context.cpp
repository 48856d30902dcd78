// context: see context.hpp.
#include "reference_platform/observe/context.hpp"

#include <sys/random.h>

#include <algorithm>
#include <utility>

namespace platform::observe {
namespace {

thread_local Context t_current;

bool lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string random_hex(std::size_t digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  unsigned char bytes[16] = {};
  [[maybe_unused]] const auto n =
      ::getrandom(bytes, sizeof bytes, 0);  // an id, not a secret: zeros would only be a poor id
  std::string out;
  for (std::size_t i = 0; i < digits; ++i) out += kHex[(bytes[i / 2] >> (i % 2 * 4)) & 15];
  return out;
}

}  // namespace

std::string Context::traceparent() const {
  return trace_id.empty() ? "" : "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00");
}

Context Context::of(std::string_view traceparent, std::string_view mark) {
  Context c;
  c.mark = mark;
  const bool shaped = traceparent.size() >= 55 && traceparent[2] == '-' && traceparent[35] == '-' &&
                      traceparent[52] == '-' && traceparent.substr(0, 2) != "ff";
  if (!shaped) return c;
  const auto version = traceparent.substr(0, 2), trace = traceparent.substr(3, 32), span = traceparent.substr(36, 16),
             flags = traceparent.substr(53, 2);
  const bool ends =
      traceparent.size() == 55 || (version != "00" && traceparent[55] == '-');  // a later version may say more
  const auto all_zero = [](std::string_view t) { return t.find_first_not_of('0') == std::string_view::npos; };
  if (!ends || !lower_hex(version) || !lower_hex(flags) || !lower_hex(trace) || !lower_hex(span) || all_zero(trace) ||
      all_zero(span))
    return c;
  c.trace_id = trace;
  c.span_id = span;
  c.sampled = (std::string_view("13579bdf").find(flags[1])) != std::string_view::npos;  // the lowest bit
  return c;
}

Context Context::fresh(std::string_view mark) {
  Context c;
  c.trace_id = random_hex(32);
  c.span_id = random_hex(16);
  c.mark = mark;
  return c;
}

const Context& current() { return t_current; }

Scope::Scope(Context context) : before_(std::exchange(t_current, std::move(context))) {}
Scope::~Scope() { t_current = std::move(before_); }

}  // namespace platform::observe
