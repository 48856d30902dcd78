// dialects: what a dialect's file offers to the registry. A new dialect is one file and one line in registry.def.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/partners/channel.hpp"
#include "harness/partners/keys.hpp"
#include "harness/partners/supplier.hpp"

namespace cardstorm::partners {

/// What a dialect is made of.
struct Credentials {
  Merchant merchant;
  std::string native_key;  // the shared secret of the native dialects
};

struct ChannelEntry {
  const char *name, *summary;
  Needs needs;
  std::vector<std::string>
      roots;  // first parts of paths by which the only channel of its kind is reached without its name
  std::unique_ptr<ChannelDialect> (*make)(Channel& channel, Credentials credentials);
};

struct SupplierEntry {
  const char *name, *summary;
  Needs needs;
  std::vector<std::string> roots;
  SupplierKind kind;
  std::unique_ptr<SupplierDialect> (*make)(Supplier& supplier, Credentials credentials);
};

const std::vector<ChannelEntry>& channel_dialects();
const std::vector<SupplierEntry>& supplier_dialects();
/// nullptr when there is none of that name.
const ChannelEntry* channel_dialect(const std::string& name);
const SupplierEntry* supplier_dialect(const std::string& name);

}  // namespace cardstorm::partners
