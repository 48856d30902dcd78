// every_field: goes over all members of a struct without being told their names (Boost.PFR), so that a member that its
// field list forgot is found by a test and not by a reader of the record.
#pragma once

#include <gtest/gtest.h>

#include <boost/pfr.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"
#include "harness/core/json.hpp"

namespace cardstorm::every_field {

template <class T>
inline constexpr bool kIsLeaf = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::string> ||
                                std::is_same_v<T, Json> || std::is_same_v<T, Nanos>;
template <class T, template <class...> class Of>
inline constexpr bool kIs = false;
template <template <class...> class Of, class... T>
inline constexpr bool kIs<Of<T...>, Of> = true;

/// Another value than the one it has; `n` makes it unlike its neighbours'.
template <class T>
void change(T& leaf, int n) {
  if constexpr (std::is_same_v<T, bool>)
    leaf = !leaf;
  else if constexpr (std::is_enum_v<T>)
    leaf = static_cast<T>(leaf == static_cast<T>(1) ? 2 : 1);
  else if constexpr (std::is_arithmetic_v<T>)
    leaf = static_cast<T>(leaf + static_cast<T>(n + 1));
  else if constexpr (std::is_same_v<T, Nanos>)
    leaf += Nanos(n + 1);
  else if constexpr (std::is_same_v<T, std::string>)
    leaf += "text " + std::to_string(n);
  else
    leaf = Json::object({{"member", n}});
}

/// Calls f(leaf, path) for every leaf below `value`. With `grow`, empty lists, maps of text and optionals get one item
/// first.
template <class T, class F>
void each_leaf(T& value, const std::string& path, bool grow, F&& f) {
  if constexpr (kIsLeaf<T>) {
    f(value, path);
  } else if constexpr (kIs<T, std::vector>) {
    if (value.empty() && grow) value.emplace_back();
    for (std::size_t i = 0; i < value.size(); ++i) each_leaf(value[i], path + "/" + std::to_string(i), grow, f);
  } else if constexpr (kIs<T, std::optional>) {
    if (!value && grow) value.emplace();
    if (value) each_leaf(*value, path, grow, f);
  } else if constexpr (kIs<T, std::map>) {
    if constexpr (std::is_same_v<typename T::key_type, std::string>)
      if (value.empty() && grow) value["key"];
    for (auto& [key, one] : value) {
      if constexpr (std::is_same_v<typename T::key_type, std::string>)
        each_leaf(one, path + "/" + key, grow, f);
      else
        each_leaf(one, path + "/" + std::to_string(static_cast<int>(key)), grow, f);
    }
  } else if constexpr (kIs<T, std::pair>) {
    each_leaf(value.first, path + "/first", grow, f);
    each_leaf(value.second, path + "/second", grow, f);
  } else if constexpr (kIs<T, std::shared_ptr>) {
    // stands for what is never written
  } else {
    boost::pfr::for_each_field(
        value, [&](auto& member, std::size_t i) { each_leaf(member, path + "/" + std::to_string(i), grow, f); });
  }
}

/// Gives every member a value that no new struct holds.
template <class S>
void fill(S& value) {
  int n = 0;
  each_leaf(value, "", true, [&n](auto& leaf, const std::string&) { change(leaf, ++n); });
}

/// `filled` comes back whole from its JSON form, and every leaf of it changes that form and comes back too. A path
/// counts members from 0: "/6/2" is the third member of the seventh. Empty what is meant to stay out of the JSON
/// before.
template <class S, class Write, class Read>
void expect_every_field_is_kept(S filled, Write&& write, Read&& read) {
  const auto read_text = [&](const std::string& text) { return read(*Json::parse(text)); };
  const std::string before = write(filled).dump();
  int n = 1000;
  std::map<std::string, std::function<bool(const void*)>> wanted;
  each_leaf(filled, "", false, [&](auto& leaf, const std::string& path) {
    using Leaf = std::remove_reference_t<decltype(leaf)>;
    const Leaf kept = leaf;
    wanted[path] = [kept](const void* found) { return *static_cast<const Leaf*>(found) == kept; };
    change(leaf, ++n);
    const std::string changed = write(filled).dump();
    EXPECT_TRUE(changed != before) << "member " << path << " is not in the JSON: is it in the field list?";
    const auto again = read_text(changed);
    ASSERT_TRUE(again) << path << ": " << again.error().what;
    EXPECT_TRUE(write(*again).dump() == changed) << "member " << path << " is written, and not read";
    leaf = kept;
  });
  ASSERT_FALSE(wanted.empty());
  auto again = read_text(before);
  ASSERT_TRUE(again) << again.error().what;
  std::size_t found = 0;
  each_leaf(*again, "", false, [&](auto& leaf, const std::string& path) {
    const auto it = wanted.find(path);
    ASSERT_NE(it, wanted.end()) << "member " << path << " comes from nowhere";
    ++found;
    EXPECT_TRUE(it->second(&leaf)) << "member " << path << " comes back with another value";
  });
  EXPECT_EQ(found, wanted.size());
}

}  // namespace cardstorm::every_field
