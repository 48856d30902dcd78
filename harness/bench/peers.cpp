// peers: see peers.hpp. The forms of their output are those of wrk 4.1, hey 0.1.4, ab 2.3, h2load 1.52, vegeta 12 and
// k6 1.x.
#include "harness/bench/peers.hpp"

#include <sys/resource.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "harness/core/files.hpp"
#include "harness/core/text.hpp"
#include "harness/lease/process.hpp"
#include "harness/pattern/pattern.hpp"

namespace cardstorm {
namespace {

using Args = std::vector<std::string>;

std::string text(double v) { return Json(v).text(); }

/// The first group of `pattern`; nullopt when it is not in there.
std::optional<std::string> words_found(const std::string& printed, const std::string& pattern) {
  const auto value = Pattern::compile(pattern).value().first(printed);
  return value ? std::optional(std::string(*value)) : std::nullopt;
}
std::optional<double> found(const std::string& printed, const std::string& pattern) {
  const auto value = words_found(printed, pattern);
  return value ? std::optional(std::atof(value->c_str())) : std::nullopt;
}
std::optional<double> found_ms(const std::string& printed, const std::string& pattern) {
  const auto value = words_found(printed, pattern);
  return value ? millis_of(*value) : std::nullopt;
}

/// Successes over all that the tool counted.
void conclude(PeerSays& out, double bad) {
  if (!out.requests) return;
  out.ok = std::max(0.0, *out.requests);
  const double all = *out.ok + bad;
  out.success = all > 0 ? std::optional(*out.ok / all) : std::nullopt;
}

// ---- wrk and wrk2: "N requests in", "Socket errors: connect a, read b, write c, timeout d"

Args wrk_args(const PeerLoad& load, const std::string&) {
  Args args{"-t1",
            "-c" + std::to_string(load.connections),
            "-d" + std::to_string(load.seconds) + "s",
            "--latency",
            "--timeout",
            "1s"};
  args.push_back(load.url);
  return args;
}
Args wrk2_args(const PeerLoad& load, const std::string& dir) {
  Args args = wrk_args(load, dir);
  args.insert(args.begin(), "-R" + std::to_string(load.rate > 0 ? load.rate : 1'000'000));
  return args;
}
PeerSays wrk_says(const std::string& printed, const PeerLoad&, const std::string&) {
  PeerSays out;
  out.requests = found(printed, "(\\d+) requests in");
  double bad = 0;
  const std::string errors = "Socket errors: connect \\d+, read \\d+, write \\d+, timeout \\d+";
  if (const auto words = words_found(printed, errors)) {
    out.words = *words;
    for (const char* kind : {"connect (\\d+)", "read (\\d+)", "write (\\d+)"}) bad += found(*words, kind).value_or(0);
  }
  const double refused = found(printed, "Non-2xx or 3xx responses: (\\d+)").value_or(0);
  if (out.requests) *out.requests -= refused;
  conclude(out, bad + refused);
  out.p50_ms = found_ms(printed, "50(?:\\.000)?%\\s+([0-9.]+[a-z]+)");
  out.p99_ms = found_ms(printed, "99(?:\\.000)?%\\s+([0-9.]+[a-z]+)");
  return out;
}

// ---- hey

Args hey_args(const PeerLoad& load, const std::string&) {
  Args args{"-z", std::to_string(load.seconds) + "s", "-c", std::to_string(load.connections), "-t", "1"};
  if (load.rate > 0) args.insert(args.end(), {"-q", text(static_cast<double>(load.rate) / load.connections)});
  args.push_back(load.url);
  return args;
}
PeerSays hey_says(const std::string& printed, const PeerLoad&, const std::string&) {
  PeerSays out;
  out.requests = found(printed, "\\[200\\]\\s+(\\d+) responses");
  double bad = 0;
  const Pattern errors = Pattern::compile("\\n\\s*\\[(\\d+)\\]\\s+(?:Get|Post)").value();
  errors.all(printed, [&](std::string_view number) { bad += std::atof(std::string(number).c_str()); });
  conclude(out, bad);
  const auto seconds_of = [&](const char* q) {
    auto v = found(printed, std::string(q) + "%+ in ([0-9.]+) secs");
    return v ? std::optional(*v * 1000) : std::nullopt;
  };
  out.p50_ms = seconds_of("50");
  out.p99_ms = seconds_of("99");
  return out;
}

// ---- ab: closed loop

Args ab_args(const PeerLoad& load, const std::string&) {
  return {"-k",    "-q",
          "-s",    "1",
          "-t",    std::to_string(load.seconds),
          "-n",    "50000000",
          "-c",    std::to_string(load.connections),
          load.url};
}
PeerSays ab_says(const std::string& printed, const PeerLoad&, const std::string&) {
  PeerSays out;
  const auto complete = found(printed, "Complete requests:\\s+(\\d+)");
  const double failed = found(printed, "Failed requests:\\s+(\\d+)").value_or(0);
  if (complete) {
    out.requests = *complete - failed;
    conclude(out, failed);
  } else {
    out.words = "no result: it gave up at the first error";
  }
  out.p50_ms = found(printed, "\\n\\s+50%\\s+(\\d+)");
  out.p99_ms = found(printed, "\\n\\s+99%\\s+(\\d+)");
  return out;
}

// ---- h2load over HTTP/1.1

Args h2load_args(const PeerLoad& load, const std::string&) {
  Args args{"--h1", "-t1", "-c" + std::to_string(load.connections), "-D" + std::to_string(load.seconds)};
  if (load.rate > 0) args.push_back("--rps=" + text(static_cast<double>(load.rate) / load.connections));
  args.push_back(load.url);
  return args;
}
PeerSays h2load_says(const std::string& printed, const PeerLoad&, const std::string&) {
  PeerSays out;
  if (const auto words = words_found(printed,
                                     "requests: \\d+ total, \\d+ started, \\d+ done, \\d+ succeeded, \\d+ failed, "
                                     "\\d+ errored, \\d+ timeout")) {
    out.words = *words;
    out.requests = found(*words, "(\\d+) succeeded");
    conclude(out, found(*words, "(\\d+) failed").value_or(0) + found(*words, "(\\d+) timeout").value_or(0));
  }
  return out;
}

// ---- vegeta: `vegeta attack` writes a file, `vegeta report` reads it

Args vegeta_args(const PeerLoad& load, const std::string& dir) {
  (void)write_file(dir + "/targets", "GET " + load.url + "\n");
  Args args{"attack",           "-rate=" + std::to_string(load.rate), "-duration=" + std::to_string(load.seconds) + "s",
            "-timeout=1s",      "-targets=" + dir + "/targets",       "-output=" + dir + "/vegeta.bin",
            "-max-workers=4000"};
  if (load.rate == 0) args.push_back("-workers=32");
  return args;
}
PeerSays vegeta_says(const std::string& printed, const PeerLoad&, const std::string&) {
  PeerSays out;
  const auto json = Json::parse(printed);
  if (!json) {
    out.words = printed.substr(0, 120);
    return out;
  }
  const double all = (*json)["requests"].number();
  out.requests = all * (*json)["success"].number();
  conclude(out, all - *out.requests);
  out.p50_ms = (*json)["latencies"]["50th"].number() / 1e6;
  out.p99_ms = (*json)["latencies"]["99th"].number() / 1e6;
  return out;
}

// ---- k6

Args k6_args(const PeerLoad& load, const std::string& dir) {
  const std::string rate = std::to_string(load.rate), length = std::to_string(load.seconds);
  const std::string executor = load.rate > 0
                                   ? "{executor:'constant-arrival-rate',rate:" + rate + ",timeUnit:'1s',duration:'" +
                                         length + "s',preAllocatedVUs:200,maxVUs:4000}"
                                   : "{executor:'constant-vus',vus:32,duration:'" + length + "s'}";
  (void)write_file(dir + "/k6.js",
                   "import http from 'k6/http';\nexport const "
                   "options={discardResponseBodies:true,summaryTrendStats:['p(50)','p(99)'],scenarios:{a:" +
                       executor + "}};\nexport default function(){http.get('" + load.url + "',{timeout:'1s'});}\n");
  return {"run", "--quiet", "--no-usage-report", "--summary-export=" + dir + "/k6.json", dir + "/k6.js"};
}
PeerSays k6_says(const std::string& printed, const PeerLoad&, const std::string& dir) {
  PeerSays out;
  const auto file = read_file(dir + "/k6.json");
  const auto json = file ? Json::parse(*file) : Result<Json>(Error{});
  if (!json) {
    out.words = printed.substr(0, 120);
    return out;
  }
  const Json& metrics = (*json)["metrics"];
  const double all = metrics["http_reqs"]["count"].number();
  const double failed = metrics["http_req_failed"]["value"].number() * all;
  out.requests = all - failed;
  conclude(out, failed);
  if (const double dropped = metrics["dropped_iterations"]["count"].number(); dropped > 0)
    out.words = "dropped_iterations " + fixed(dropped, 0);
  out.p50_ms = metrics["http_req_duration"]["p(50)"].number();
  out.p99_ms = metrics["http_req_duration"]["p(99)"].number();
  return out;
}

double children_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds_of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

Result<std::string> printed_by(const ProcessSpec& spec, Nanos wait, const std::function<void()>& on_start) {
  auto child = Process::spawn(spec);
  if (!child) return std::move(child).error();
  child->close_stdin();
  if (on_start) on_start();
  std::string out;
  const Nanos end = monotonic_now() + wait;
  for (;;) {
    auto line = child->read_line(end - monotonic_now());
    if (!line) {
      (void)child->terminate(Nanos(0), 1s);
      return std::move(line).error().in(spec.program);
    }
    if (!line->has_value()) break;
    out += **line + "\n";
  }
  (void)child->wait(10s);
  return out;
}

}  // namespace

const std::vector<Peer>& peers() {
  static const std::vector<Peer> all{{"wrk", false, wrk_args, wrk_says},
                                     {"wrk2", true, wrk2_args, wrk_says},
                                     {"hey", true, hey_args, hey_says},
                                     {"ab", false, ab_args, ab_says},
                                     {"h2load", true, h2load_args, h2load_says},
                                     {"vegeta", true, vegeta_args, vegeta_says},
                                     {"k6", true, k6_args, k6_says}};
  return all;
}

std::optional<double> millis_of(const std::string& value) {
  std::size_t digits = 0;
  while (digits < value.size() &&
         (std::isdigit(static_cast<unsigned char>(value[digits])) != 0 || value[digits] == '.'))
    ++digits;
  if (digits == 0) return std::nullopt;
  const double number = std::atof(value.substr(0, digits).c_str());
  const std::string unit = value.substr(digits);
  if (unit == "us") return number / 1000;
  if (unit == "ms") return number;
  if (unit == "s") return number * 1000;
  if (unit == "m") return number * 60'000;
  return std::nullopt;
}

std::string find_peer(const std::string& name, const std::vector<std::string>& dirs) {
  std::vector<std::string> places = dirs;
  const char* path = std::getenv("PATH");
  for (const auto& dir : split(path == nullptr ? "" : path, ':')) places.push_back(dir);
  for (const auto& dir : places) {
    const std::string file = dir + "/" + name;
    std::error_code ignored;
    if (!dir.empty() && std::filesystem::is_regular_file(file, ignored)) return file;
  }
  return "";
}

Result<PeerSays> run_peer(const Peer& peer, const std::string& program, const PeerLoad& load, const std::string& dir,
                          int cpu, const std::function<void()>& on_start) {
  ProcessSpec spec;
  spec.program = "taskset";
  spec.args = {"-c", std::to_string(cpu), program};
  const Args args = peer.args(load, dir);
  spec.args.insert(spec.args.end(), args.begin(), args.end());
  spec.env = {{"GOMAXPROCS", "1"}};
  spec.stderr_path = dir + "/" + peer.name + ".log";
  const double cpu_before = children_cpu_seconds();
  const Nanos started = monotonic_now();
  auto printed = printed_by(spec, std::chrono::seconds(load.seconds) + 30s, on_start);
  if (!printed) return std::move(printed).error();
  const double wall = seconds(monotonic_now() - started), cpu_s = children_cpu_seconds() - cpu_before;
  if (peer.name == "vegeta") {
    ProcessSpec report;
    report.program = program;
    report.args = {"report", "-type=json", dir + "/vegeta.bin"};
    auto json = printed_by(report, 30s, {});
    if (!json) return std::move(json).error();
    printed = std::move(json);
  }
  PeerSays says = peer.read(*printed, load, dir);
  says.wall_s = wall;
  says.cpu_s = cpu_s;
  return says;
}

}  // namespace cardstorm
