// quoted: by Boost.JSON's serializer.
#include "reference_platform/observe/quoted.hpp"

#include <array>
#include <boost/json/serializer.hpp>

namespace platform::observe {

void quoted(std::string& out, std::string_view text) {
  boost::json::serializer serializer;
  serializer.reset(boost::json::string_view(text.data(), text.size()));
  std::array<char, 512> block;
  while (!serializer.done()) out += serializer.read(block.data(), block.size());
}

}  // namespace platform::observe
