// overview: see overview.hpp.
#include "reference_platform/ops/overview.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <future>
#include <string_view>
#include <utility>

#include "reference_platform/edge/http.hpp"

namespace platform::ops {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr edge::CallOptions kAsk{100ms, 300ms};
constexpr std::size_t kMetricsMax = 200;

json::value parsed(const std::string& text) {
  json::error_code error;
  auto value = json::parse(text, error);
  return error ? json::value(nullptr) : value;
}

json::object look_at(const NodeSeen& node) {
  json::object out{{"name", node.name}, {"role", node.role}, {"alive", node.alive}, {"ready", false}, {"reason", ""}, {"pid", node.pid}, {"restarts", node.restarts}, {"pool", nullptr}, {"metrics", json::object()}};
  if (!node.alive) return out;
  const auto ready = edge::call("GET", node.admin_url + "/ready", "", {}, kAsk);
  out["ready"] = ready.status == 200;
  if (ready.status != 200) {
    const auto said = parsed(ready.body);
    const auto* reason = said.is_object() ? said.as_object().if_contains("reason") : nullptr;
    out["reason"] = reason != nullptr && reason->is_string() ? reason->as_string() : json::string("does not answer");
  }
  if (const auto pool = edge::call("GET", node.admin_url + "/admin/pool", "", {}, kAsk); pool.status == 200) out["pool"] = parsed(pool.body);
  json::object metrics;
  for (const auto& [name, value] : plain_metrics(edge::call("GET", node.admin_url + "/metrics", "", {}, kAsk).body, kMetricsMax)) metrics[name] = value;
  out["metrics"] = std::move(metrics);
  return out;
}

constexpr char kPage[] = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>CardStorm reference platform</title>
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:72rem;padding:0 1rem;color:#1d2530;background:#f7f8fa}
h1{font-size:1.3rem;margin:0 0 .2rem}p{margin:.2rem 0 1rem;color:#566}
table{border-collapse:collapse;width:100%;background:#fff;box-shadow:0 1px 3px #0002}th,td{text-align:left;padding:.45rem .6rem;border-bottom:1px solid #e6e9ee;vertical-align:top}
th{font-weight:600;color:#566;font-size:.85rem}.n{font-variant-numeric:tabular-nums}
.ok{color:#0a7a3d}.bad{color:#b3261e;font-weight:600}.bar{display:inline-block;width:6rem;height:.7rem;background:#e6e9ee;border-radius:.35rem;overflow:hidden;vertical-align:middle}
.bar i{display:block;height:100%;float:left}.used{background:#3b6fb5}.held{background:#b3261e}
details summary{cursor:pointer;color:#3b6fb5}pre{margin:.3rem 0 0;font-size:.8rem;white-space:pre-wrap}
@media(prefers-color-scheme:dark){body{background:#14181d;color:#dde3ea}table{background:#1c2229}th,td{border-color:#2b333d}th,p{color:#9aa7b5}.bar{background:#2b333d}}
</style></head><body>
<h1>Reference platform <span id="variant"></span></h1><p id="at">asking…</p>
<table><thead><tr><th>node</th><th>state 状态</th><th>pool 连接池</th><th>waiting 等待</th><th>queued 排队</th><th>restarts 重启</th><th>metrics 指标</th></tr></thead><tbody id="rows"></tbody></table>
<script>
const cell=(row,text,cls)=>{const c=row.insertCell();c.textContent=text;if(cls)c.className=cls;return c};
const open=new Set();
async function look(){
  try{
    const o=await (await fetch('overview')).json();
    document.getElementById('variant').textContent='· '+o.variant+' · '+o.version;
    document.getElementById('at').textContent=new Date(o.at_ms).toLocaleTimeString()+' · '+o.nodes.filter(n=>n.ready).length+' of '+o.nodes.length+' nodes ready';
    const body=document.getElementById('rows');body.textContent='';
    for(const n of o.nodes){
      const r=body.insertRow();
      cell(r,n.name);
      cell(r,n.ready?'ready 就绪':n.alive?n.reason:'down 停止',n.ready?'ok':'bad');
      const p=cell(r,'','n');
      if(n.pool){const b=document.createElement('span');b.className='bar';for(const k of ['used','held']){const i=document.createElement('i');i.className=k;i.style.width=100*n.pool[k]/n.pool.max+'%';b.append(i)}p.append(b,' '+(n.pool.used+n.pool.held)+' / '+n.pool.max)}
      cell(r,n.pool?n.pool.waiting:'–','n'+(n.pool&&n.pool.waiting?' bad':''));
      cell(r,n.metrics.platform_requests_queued??'–','n');
      cell(r,n.restarts,'n'+(n.restarts?' bad':''));
      const m=r.insertCell(),d=document.createElement('details'),s=document.createElement('summary'),t=document.createElement('pre');
      const names=Object.keys(n.metrics).filter(k=>!k.startsWith('platform_'));
      s.textContent=names.length;t.textContent=names.map(k=>k+' '+n.metrics[k]).join('\n');
      d.open=open.has(n.name);d.ontoggle=()=>d.open?open.add(n.name):open.delete(n.name);
      d.append(s,t);m.append(d);
    }
  }catch(e){document.getElementById('at').textContent='the supervisor does not answer 监督进程没有应答'}
  setTimeout(look,1000);
}
look();
</script></body></html>
)html";

}  // namespace

std::vector<std::pair<std::string, double>> plain_metrics(const std::string& text, std::size_t max) {
  std::vector<std::pair<std::string, double>> out;
  std::string_view rest = text;
  while (!rest.empty() && out.size() < max) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto space = line.rfind(' ');
    if (line.empty() || line[0] == '#' || space == std::string_view::npos) continue;
    const std::string name(line.substr(0, space));
    const std::string family = name.substr(0, name.find('{'));
    if (family.ends_with("_bucket") || family.ends_with("_sum") || family.ends_with("_count")) continue;
    const double value = std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr);
    if (std::isfinite(value)) out.emplace_back(name, value);
  }
  return out;
}

std::string overview_json(const std::string& variant, const std::vector<NodeSeen>& nodes) {
  std::vector<std::future<json::object>> looks;
  looks.reserve(nodes.size());
  for (const NodeSeen& node : nodes) looks.push_back(std::async(std::launch::async, [&node] { return look_at(node); }));
  json::array seen;
  for (auto& look : looks) seen.push_back(look.get());
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  return json::serialize(json::object{{"at_ms", now}, {"variant", variant}, {"version", CARDSTORM_VERSION}, {"nodes", seen}});
}

const std::string& operator_page() {
  static const std::string page = kPage;
  return page;
}

}  // namespace platform::ops
