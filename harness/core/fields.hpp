// fields: a struct says its members once, in a template `fields(S& s, V& v)` that calls v(name, member) for each.
// Whatever writes or reads the struct walks that list. It stands in the namespace of the struct and is found by its
// argument.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace cardstorm {

/// S is T: const when the walk writes, not const when it reads.
template <class S, class T>
concept Is = std::is_same_v<std::remove_const_t<S>, T>;

/// What the values 0, 1, ... of an enum are called in our files: specialised once per enum.
template <class E>
inline constexpr std::array<std::string_view, 0> kTexts{};

}  // namespace cardstorm
