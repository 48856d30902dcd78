// registry: the table of dialects, from registry.def.
#include <algorithm>

#include "harness/partners/dialects.hpp"

namespace cardstorm::partners {

#define PARTNER_CHANNEL(name) ChannelEntry name##_channel();
#define PARTNER_SUPPLIER(name) SupplierEntry name##_supplier();
#include "harness/partners/registry.def"
#undef PARTNER_CHANNEL
#undef PARTNER_SUPPLIER

namespace {

template <class Entry>
const Entry* named(const std::vector<Entry>& entries, const std::string& name) {
  const auto at = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return at == entries.end() ? nullptr : &*at;
}

}  // namespace

const std::vector<ChannelEntry>& channel_dialects() {
  static const std::vector<ChannelEntry> entries{
#define PARTNER_CHANNEL(name) name##_channel(),
#define PARTNER_SUPPLIER(name)
#include "harness/partners/registry.def"
#undef PARTNER_CHANNEL
#undef PARTNER_SUPPLIER
  };
  return entries;
}

const std::vector<SupplierEntry>& supplier_dialects() {
  static const std::vector<SupplierEntry> entries{
#define PARTNER_CHANNEL(name)
#define PARTNER_SUPPLIER(name) name##_supplier(),
#include "harness/partners/registry.def"
#undef PARTNER_CHANNEL
#undef PARTNER_SUPPLIER
  };
  return entries;
}

const ChannelEntry* channel_dialect(const std::string& name) { return named(channel_dialects(), name); }
const SupplierEntry* supplier_dialect(const std::string& name) { return named(supplier_dialects(), name); }

}  // namespace cardstorm::partners
