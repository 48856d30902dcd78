// request: the body of a request and its signature, in the manner of shops' APIs. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/net/http_client.hpp"
#include "harness/plan/plan.hpp"

namespace cardstorm {

using FieldList = std::vector<std::pair<std::string, std::string>>;

/// "a=1&b=2", percent-encoded.
std::string form_text(const FieldList& fields);

/// md5 over the non-empty fields sorted by name, k=v joined by &, and then `tail` (the key, or "&key=" + the key).
/// Fields named in `left_out` and arrays or objects take no part.
std::string md5_of_fields(FieldList fields, const std::vector<std::string>& left_out, const std::string& tail);

/// Signs `request` (its url begins with `base`) with `key`; `form` are its fields when it has a form, else the fields
/// are the members of its JSON body or, without a body, of its query. False when there is nothing to put the signature
/// into.
bool sign_request(HttpRequest& request, const Signing& signing, const std::string& key, FieldList form,
                  std::size_t base_size, std::int64_t now_s);

}  // namespace cardstorm
