// run_info: see run_info.hpp.
#include "harness/judge/run_info.hpp"

#include "harness/core/json_fields.hpp"
#include "harness/core/text.hpp"

namespace cardstorm {

template <Is<EarlyStop> S, class V>
void fields(S& s, V& v) {
  v("by", s.by);
  v("rule", s.rule);
  v("value", s.value);
  v("at_s", s.at_s);
}

template <Is<RunInfo> S, class V>
void fields(S& s, V& v) {
  v.schema("cardstorm.run/1", "");
  v("start_mono_ns", s.start, required);
  v("wall", s.wall);
  v("target", s.target);
  v("target_version", s.target_version);
  v("target_facts", s.target_facts);
  v("environment", s.environment);
  v("partners", s.partners);
  v("seed", s.seed);
  v("command", s.command);
  v("drained", s.drained);
  v("interrupted", s.interrupted);
  v("assumed_restart_s", s.assumed_restart_s);
  v("aborted", s.aborted);
  v("errors", s.errors);
}

std::string text_of(const EarlyStop& stop) {
  return stop.rule + (stop.value.empty() ? "" : ", found " + stop.value) + " at " + fixed(stop.at_s, 1) + " s";
}

Json json_of_run_info(const RunInfo& info) { return json_of_fields(info); }
Result<RunInfo> run_info_of_json(const Json& json) { return read_fields<RunInfo>(json); }

}  // namespace cardstorm
