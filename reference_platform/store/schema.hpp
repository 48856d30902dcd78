// schema: the tables of both variants as SQL text, to be run on an empty database (or schema) as its owner.
#pragma once

#include <string>
#include <vector>

namespace platform::store {

std::string fragile_schema();
/// Makes the indexes on order number and buyer, or drops them (A05). May run again and again, also by several at once;
/// the shop runs it when it starts, and whoever fills a large table runs it afterwards, so that the start need not wait
/// for it.
std::string fragile_order_indexes(bool wanted);
/// For database `number` of `databases`; the same text makes its shadow tables when search_path names another schema.
std::string hardened_schema(int number, int databases);
/// The audit views of api.md, made in the first database after all tables are there. `others`: the schemas in it
/// through which the `audit_*_here` views of the other databases are seen.
std::string audit_views(const std::vector<std::string>& others);

}  // namespace platform::store
