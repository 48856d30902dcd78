// What import promises: starts, order, sessions, private values gone, bad lines told, nothing half done.
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <numeric>

#include "harness/core/rng.hpp"
#include "harness/core/text.hpp"
#include "harness/trace/log_pattern.hpp"
#include "tests/unit/trace/workspace.hpp"

namespace cardstorm {
namespace {

class Import : public TraceSpace {};

const std::string kFine = "$remote_addr $msec $request_time $status \"$request\" \"$http_user_agent\"";
constexpr std::int64_t kS = 1'000'000'000;

std::string combined(const std::string& time, const std::string& request, const std::string& client = "10.0.0.1") {
  return client + " - - [" + time + "] \"" + request + "\" 200 12 \"-\" \"Agent/1.0\"\n";
}

TEST_F(Import, TurnsEndsIntoStarts) {
  ImportOptions o = options();
  o.log_format = kFine;
  const Recording r = imported("1.2.3.4 1700000010.500 0.250 200 \"GET /a HTTP/1.1\" \"x\"\n", o);
  ASSERT_EQ(r.size(), 1U);
  EXPECT_EQ(r.first.count(), 1700000010 * kS + 250'000'000);
  EXPECT_EQ(r.latency[0], 250ms);
  EXPECT_EQ(r.status[0], 200);
  EXPECT_EQ(r.methods[r.method[0]], "GET");
}

TEST_F(Import, KeepsTheOrderOfTheLogInsideAWholeSecond) {
  std::string log;
  for (int i = 0; i < 200; ++i)
    log += combined("22/Jan/2019:03:56:16 +0330",
                    "GET /p" + std::string(1, static_cast<char>('a' + i % 26)) + " HTTP/1.1");
  ImportSummary s;
  const Recording r = imported(log, options(), &s);
  ASSERT_EQ(r.size(), 200U);
  const std::int64_t second = 1548116776 * kS;  // 00:26:16 UTC
  EXPECT_GE(r.first.count(), second);
  EXPECT_LT((r.first + r.at.back()).count(), second + kS);
  EXPECT_GT(r.at.back(), 500ms);  // spread, not stacked
  for (std::size_t i = 0; i < 200; ++i)
    EXPECT_EQ(r.paths[r.path[i]], "/p" + std::string(1, static_cast<char>('a' + i % 26)));
  EXPECT_TRUE(notes_hold(s, "whole seconds"));
  EXPECT_TRUE(notes_hold(s, "end of a request"));
}

TEST_F(Import, ShuffledLinesGiveTheSameRecordingAsSortedOnesAlsoThroughTemporaryFiles) {
  std::vector<std::string> lines;
  Rng rng(3, "shuffle");
  for (int i = 0; i < 3000; ++i)
    lines.push_back("10.0.0." + std::to_string(rng.below(40)) + " " + std::to_string(1700000000 + i / 7) + "." +
                    std::to_string(100 + i % 7 * 100) + " 0.0" + std::to_string(rng.below(90) + 10) +
                    " 200 \"GET /goods/" + std::to_string(rng.below(500)) + " HTTP/1.1\" \"x\"\n");
  const auto text = [&] { return std::accumulate(lines.begin(), lines.end(), std::string{}); };
  ImportOptions o = options();
  o.log_format = kFine;
  ASSERT_TRUE(import(text(), o).has_value());
  const std::string sorted = *read_file(o.out);
  for (std::size_t i = lines.size(); i > 1; --i) std::swap(lines[i - 1], lines[rng.below(i)]);
  o.run_bytes = 4096;  // hundreds of runs, more than are merged at a time
  ImportSummary s = *import(text(), o);
  EXPECT_GT(s.sort_runs, 30U);
  EXPECT_GT(s.disordered, 1000U);
  // Equal starts keep the order of the lines: those are told apart by nothing else, so the rows are compared as a set
  // of lines in order of time.
  const auto rows = [](const std::string& csv) {
    auto all = split(csv, '\n');
    for (std::string& row : all)
      row = split(row, ',')[0] + "," + (row.empty() ? "" : split(row, ',').size() > 3 ? split(row, ',')[3] : "");
    std::sort(all.begin(), all.end());
    return all;
  };
  EXPECT_EQ(rows(sorted), rows(*read_file(o.out)));
  const auto r = read_recording(o.out);
  ASSERT_TRUE(r.has_value()) << r.error().what;
  EXPECT_EQ(r->size(), 3000U);
  EXPECT_EQ(files(), 2);  // the log and the recording: no temporary file is left
}

TEST_F(Import, CountsAndLocatesBadLinesAndGoesOn) {
  ImportOptions o = options();
  o.rejects = dir_ + "/bad.log";
  ImportSummary s;
  const Recording r = imported(combined("22/Jan/2019:03:56:16 +0000", "GET / HTTP/1.1") + "rubbish\n" +
                                   combined("22/Jan/2019:03:56:17 +0000", "-") +
                                   combined("22/Foo/2019:03:56:17 +0000", "GET / HTTP/1.1") +
                                   combined("22/Jan/2019:03:56:18 +0000", "\\x16\\x03\\x01") +
                                   combined("22/Jan/2019:03:56:19 +0000", "POST /b HTTP/1.1"),
                               o, &s);
  EXPECT_EQ(r.size(), 2U);
  EXPECT_EQ(s.bad, 4U);
  ASSERT_EQ(s.bad_first.size(), 4U);
  EXPECT_EQ(s.bad_first[0].line, 2);
  EXPECT_EQ(s.bad_first[1].line, 3);
  EXPECT_NE(s.bad_first[1].reason.find("no request"), std::string::npos);
  EXPECT_EQ(s.bad_first[2].column, 15U);  // the bracket's content
  EXPECT_NE(s.bad_first[3].reason.find("not HTTP"), std::string::npos);
  EXPECT_EQ(split(*read_file(o.rejects), '\n').size(), 5U);
}

TEST_F(Import, AFormatThatFitsNoLineSaysWhereItStopped) {
  ImportOptions o = options();
  o.log_format = "$remote_addr [$time_local] $status";
  const auto done = import(combined("22/Jan/2019:03:56:16 +0000", "GET /?token=abcdefghijkl HTTP/1.1"), o);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::invalid);
  EXPECT_NE(done.error().what.find("line 1, column 43: $status"), std::string::npos) << done.error().what;
  EXPECT_NE(done.error().what.find("^ the match stopped here"), std::string::npos) << done.error().what;
  EXPECT_EQ(done.error().what.find("abcdefghijkl"), std::string::npos) << done.error().what;
  EXPECT_EQ(files(), 1);  // no output, no temporary file
}

TEST_F(Import, AFormatThatCannotBeReadIsRefused) {
  for (const char* format :
       {"$remote_addr$http_user_agent [$time_local]", "no variable", "$remote_addr $status", "$ [$time_local]"}) {
    ImportOptions o = options();
    o.format = "nginx";
    o.log_format = format;
    const auto done = import("x\n", o);
    ASSERT_FALSE(done.has_value()) << format;
    EXPECT_EQ(done.error().code, Errc::invalid);
  }
}

TEST_F(Import, ReadsNeighboursWithoutASpaceListsAndSplitUris) {
  ImportOptions o = options();
  o.log_format =
      "$upstream_response_time [$time_local] $scheme://$host$uri$is_args$args $request_method $http_x_forwarded_for "
      "$request_time";
  const Recording r = imported(
      "0.001, 0.002 : 0.004 [22/Jan/2019:03:56:16 +0000] https://shop.example/a/b?x=1&y=2 GET 9.9.9.9, 8.8.8.8 0.5\n",
      o);
  ASSERT_EQ(r.size(), 1U);
  EXPECT_EQ(r.methods[0], "GET");
  EXPECT_EQ(r.paths[0], "/a/b?x=1&y=2");
  EXPECT_EQ(r.latency[0], 500ms);
}

TEST_F(Import, TakesTheFormatFromNginxConfByName) {
  const std::string conf =
      put("nginx.conf",
          "http {\n  # log_format old '$status';\n  log_format main '$remote_addr [$time_local] '\n                  "
          "\"\\\"$request\\\" $status\";\n"
          "  log_format js escape=json '{\"t\":\"$msec\",\"r\":\"$request\",\"a\":\"$http_user_agent\"}';\n}\n");
  ImportOptions o = options();
  o.nginx_conf = conf;
  const std::string line = "1.1.1.1 [22/Jan/2019:03:56:16 +0000] \"GET /q HTTP/1.1\" 404\n";
  EXPECT_NE(import(line, o).error().remedy.find("main, js"), std::string::npos);
  o.name = "main";
  EXPECT_EQ(imported(line, o).status[0], 404);
  o.name = "js";
  const Recording r = imported("{\"t\":\"1700000000.125\",\"r\":\"GET /\\\"q\\\" HTTP/1.1\",\"a\":\"x\"}\n", o);
  ASSERT_EQ(r.size(), 1U);
  EXPECT_EQ(r.paths[0], "/%22q%22");
  o.name = "mian";
  EXPECT_FALSE(import(line, o).has_value());
}

TEST_F(Import, TakesPrivateValuesOutAndKeepsEqualOnesEqual) {
  const std::string kSecrets[]{"13812345678",
                               "4111111111111111",
                               "bob@mail.example",
                               "s3cret-pass",
                               "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
                               "0123456789abcdef0123456789abcdef",
                               "ABCD-EF12-GH34-JK56"};
  std::string log;
  const auto get = [&](const std::string& path) {
    log += combined("22/Jan/2019:03:56:16 +0000", "GET " + path + " HTTP/1.1");
  };
  get("/order?phone=13812345678&sku=7");
  get("/topup/13812345678");
  get("/topup/+8613812345678");
  get("/pay?card=4111-1111-1111-1111&x=4111111111111111");
  get("/u?mail=bob%40mail.example&password=s3cret-pass");
  get("/u?next=%2Fpay%3Faccess_token%3Ds3cret-pass");
  get("/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc");
  get("/t?sign=0123456789abcdef0123456789abcdef");
  get("/redeem/ABCD-EF12-GH34-JK56");
  get("/a;jsessionid=0123456789abcdef0123456789abcdef?q=1");
  get("http://user:s3cret-pass@shop.example/abs?x=1");
  ImportSummary s;
  const Recording r = imported(log, options(), &s);
  ASSERT_EQ(r.size(), 11U);
  const std::string csv = *read_file(s.out);
  for (const std::string& secret : kSecrets) EXPECT_EQ(csv.find(secret), std::string::npos) << secret << "\n" << csv;
  const auto value = [&](std::size_t row, const std::string& after) {
    const std::string& path = r.paths[r.path[row]];
    return path.substr(path.find(after) + after.size(), std::string("~phone-123456789012").size());
  };
  EXPECT_EQ(value(0, "phone="), value(1, "/topup/"));
  EXPECT_EQ(r.routes[r.route[1]], "/topup/*");
  EXPECT_EQ(r.routes[r.route[8]], "/redeem/*");
  EXPECT_EQ(r.paths[r.path[10]], "/abs?x=1");
  EXPECT_GE(s.scrubbed[1], 3U);  // phones
  EXPECT_EQ(s.scrubbed[0], 0U);
}

TEST_F(Import, FindsPhonesBesideOtherNumbersSecretsInJsonAndNamesHoweverWritten) {
  const std::string private_paths[]{"/u/3-13800138000",
                                    "/u/13800138000-2",
                                    "/u?x=5%2013800138000",
                                    "/u?x=008613800138000",
                                    "/u?x=0086-138-0013-8000",
                                    "/u?x=013800138000",
                                    "/p?biz_content=%7B%22password%22%3A%22hunter2%22%7D",
                                    "/p?d=%7B%22a%22%3A%7B%22cardNo%22%3A%20123456%7D%7D",
                                    "/t?x=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
                                    "/r?card-no=v4lue",
                                    "/r?card_key=v4lue",
                                    "/r?sms_code=v4lue",
                                    "/r?x-sign=v4lue",
                                    "/r?private_key=v4lue"};
  std::string log;
  for (const auto& path : private_paths) log += combined("22/Jan/2019:03:56:16 +0000", "GET " + path + " HTTP/1.1");
  const Recording r = imported(log, options());
  ASSERT_EQ(r.size(), std::size(private_paths));
  for (std::size_t i = 0; i < r.size(); ++i)
    EXPECT_NE(r.paths[r.path[i]].find('~'), std::string::npos) << private_paths[i] << " became " << r.paths[r.path[i]];
}

TEST_F(Import, AClientBehindAProxyIsOneWhateverItsPortTheProxyAndTheOrderOfTheMembers) {
  std::string json, text, columns = "ts,xff,ip,path\n";
  for (int i = 0; i < 4; ++i) {
    const std::string n = std::to_string(i), stamp = "2016-04-15T20:17:0" + n + ".310Z";
    const std::string buyer = R"("x_forwarded_for":"1.1.1.1:40)" + n + ", 10.0.0." + n + "\"";
    const std::string peer = R"("downstream_remote_address":"10.9.9.)" + n + ":500" + n + "\"";
    json += R"({"start_time":")" + stamp + R"(","method":"GET","path":"/q","response_code":200,)";
    json += (i % 2 == 0 ? buyer + "," + peer : peer + "," + buyer) + "}\n";
    text += stamp + (i % 2 == 0 ? " 1.1.1.1:400" : " [2001:db8::1]:400") + n + " \"GET /q\" 200\n";
    columns += "1700000000." + n + ",2.2.2.2,10.9.9." + n + ",/a\n";
  }
  ImportSummary s;
  imported(json, options(), &s);
  EXPECT_EQ(s.format, "envoy_json");
  EXPECT_EQ(s.sessions, 1U);
  imported(columns, options(), &s);
  EXPECT_EQ(s.sessions, 1U);
  ImportOptions o = options();
  o.log_format = R"(%START_TIME% %DOWNSTREAM_REMOTE_ADDRESS% "%REQ(:METHOD)% %REQ(:PATH)%" %RESPONSE_CODE%)";
  imported(text, o, &s);
  EXPECT_EQ(s.sessions, 2U);
  imported(
      "ts,client,path\n1700000000.5,buyer:1,/a\n1700000001.5,buyer:2,/a\n1700000002.5,2001:db8::1,/"
      "a\n1700000003.5,2001:db8::2,/a\n",
      options(), &s);
  EXPECT_EQ(s.sessions, 4U);  // these colons divide no port off
}

TEST_F(Import, AMethodThatIsNoneIsABadLineAndNeverBreaksTheRecording) {
  ImportSummary s;
  const Recording r = imported(R"({"ts":1,"method":"GET\nX,13800138000","path":"/a"})"
                               "\n"
                               R"({"ts":2,"method":"13800138000","path":"/b"})"
                               "\n"
                               R"({"ts":3,"method":"GET","path":"/c"})"
                               "\n",
                               options(), &s);
  EXPECT_EQ(s.bad, 2U);
  EXPECT_EQ(r.size(), 1U);
}

TEST_F(Import, ANegativeTimeIsNoTime) {
  ImportOptions o = options();
  o.log_format = kFine;
  ImportSummary s;
  imported(
      "1.2.3.4 1700000010.500 -0.250 200 \"GET /a HTTP/1.1\" \"x\"\n1.2.3.4 1700000010.500 0.250 200 \"GET /a "
      "HTTP/1.1\" \"x\"\n",
      o, &s);
  EXPECT_EQ(s.bad, 1U);
}

TEST_F(Import, ALogThatIsReadWellAndHoldsNoRequestIsNotCalledUnreadable) {
  for (const std::string text :
       {"time,count\n1700000000,0\n1700000060,0\n", R"({"log":{"entries":[]}})", "time,path\n"}) {
    const auto done = import(text, options());
    ASSERT_FALSE(done.has_value()) << text;
    EXPECT_NE(done.error().what.find("there is no request in it"), std::string::npos) << done.error().what;
  }
}

TEST_F(Import, OnlyAPlainFileIsReplaced) {
  const std::string pipe = dir_ + "/pipe", good = combined("22/Jan/2019:03:56:16 +0000", "GET / HTTP/1.1");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ImportOptions o = options();
  o.out = pipe;
  const auto done = import(good, o);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::invalid);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  o = options();
  o.rejects = pipe;
  EXPECT_FALSE(import(good, o).has_value());
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
}

TEST_F(Import, LeavesOrdinaryPathsAlone) {
  const std::string paths[]{"/goods/12345?page=2&sort=price", "/static/app.3f2a9c1b.js?v=20240101",
                            "/api/v2/orders?from=2024-01-01&to=2024-02-01", "/search?q=steam+gift+card",
                            "/t?_=1548123376123&n=7"};
  std::string log;
  for (const auto& path : paths) log += combined("22/Jan/2019:03:56:16 +0000", "GET " + path + " HTTP/1.1");
  const Recording r = imported(log, options());
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(r.paths[r.path[i]], paths[i]);
  EXPECT_EQ(r.routes[r.route[0]], "/goods/*");
  EXPECT_EQ(r.routes[r.route[2]], "/api/v2/orders");
}

TEST_F(Import, CutsSessionsAtTheGapAndTellsThinkTimes) {
  ImportOptions o = options();
  o.log_format = kFine;
  const auto line = [](const std::string& client, const std::string& end, const std::string& took) {
    return client + " " + end + " " + took + " 200 \"GET /a HTTP/1.1\" \"x\"\n";
  };
  const Recording r =
      imported(line("1.1.1.1", "1700000001.000", "1.000") + line("2.2.2.2", "1700000001.500", "0.100") +
                   line("1.1.1.1", "1700000004.000", "1.000") + line("1.1.1.1", "1700002000.000", "1.000"),
               o);
  ASSERT_EQ(r.size(), 4U);
  EXPECT_EQ(r.session, (std::vector<std::uint32_t>{0, 1, 0, 2}));
  EXPECT_EQ(r.think[2], 2s);
  EXPECT_EQ(r.think[3], 0s);
  EXPECT_EQ(r.sessions, 3U);
  o.session_gap = 1h;
  EXPECT_EQ(
      imported(line("1.1.1.1", "1700000001.000", "1.000") + line("1.1.1.1", "1700002000.000", "1.000"), o).sessions,
      1U);
}

TEST_F(Import, SaysWhenTheSessionTableOverflowed) {
  ImportOptions o = options();
  o.sessions_open_max = 10;
  std::string log;
  for (int i = 0; i < 50; ++i)
    log += combined("22/Jan/2019:03:56:16 +0000", "GET / HTTP/1.1", "10.0.0." + std::to_string(i % 25));
  ImportSummary s;
  EXPECT_EQ(imported(log, o, &s).sessions, 50U);
  EXPECT_TRUE(notes_hold(s, "forgotten"));
}

TEST_F(Import, ReadsGzipByItsContentAndSaysWhenItIsCut) {
  std::string log;
  for (int i = 0; i < 5000; ++i)
    log += combined("22/Jan/2019:03:56:16 +0000",
                    "GET /x" + std::to_string(mix64(static_cast<std::uint64_t>(i))) + " HTTP/1.1");
  const std::string path = dir_ + "/in.log";
  gzFile gz = gzopen(path.c_str(), "wb");
  gzwrite(gz, log.data(), static_cast<unsigned>(log.size()));
  gzclose(gz);
  EXPECT_EQ(import_trace(path, options())->requests, 5000U);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const auto cut = import_trace(path, options());
  ASSERT_TRUE(cut.has_value());
  EXPECT_LT(cut->requests, 5000U);
  EXPECT_TRUE(notes_hold(*cut, "could not be read to its end"));
}

TEST_F(Import, BearsOddFiles) {
  const std::string good = combined("22/Jan/2019:03:56:16 +0000", "GET / HTTP/1.1");
  EXPECT_EQ(import("", options()).error().code, Errc::invalid);
  EXPECT_EQ(import("\n\n \n", options()).error().code, Errc::invalid);
  EXPECT_EQ(import(std::string(1000, '\0'), options()).error().code, Errc::invalid);
  EXPECT_EQ(import_trace(dir_ + "/none", options()).error().code, Errc::not_found);
  EXPECT_EQ(import_trace(dir_, options()).error().code, Errc::invalid);
  EXPECT_EQ(imported(good, options()).size(), 1U);
  EXPECT_EQ(imported("\xEF\xBB\xBF" + good, options()).size(), 1U);
  EXPECT_EQ(imported(good.substr(0, good.size() - 1) + "\r\n" + good, options()).size(), 2U);
  EXPECT_EQ(imported(std::string(100, '\0') + good, options()).size(), 1U);
  EXPECT_EQ(imported(good + good.substr(0, 40), options()).size(), 1U);  // the last line was being written
  ImportSummary s;
  EXPECT_EQ(imported(good + std::string(3 << 20, 'a') + "\n" + good, options(), &s).size(), 2U);
  EXPECT_EQ(s.bad, 1U);
  EXPECT_EQ(s.bad_first.at(0).line, 2);
  EXPECT_EQ(imported(combined("01/Jan/1970:00:00:05 +0000", "GET / HTTP/1.1"), options(), &s).first.count() / kS, 5);
  EXPECT_TRUE(notes_hold(s, "1970"));
  EXPECT_EQ(imported(combined("22/Jan/2019:03:56:16 +0800", "GET / HTTP/1.1") +
                         combined("21/Jan/2019:19:56:17 +0000", "GET / HTTP/1.1"),
                     options(), &s)
                    .span()
                    .count() /
                (2 * kS),
            0);
  EXPECT_TRUE(notes_hold(s, "+08:00"));
}

TEST_F(Import, NeverWritesOverTheLogAndNeverLeavesHalfAFile) {
  ImportOptions o = options();
  o.out = dir_ + "/in.log";
  const std::string good = combined("22/Jan/2019:03:56:16 +0000", "GET / HTTP/1.1");
  EXPECT_FALSE(import(good, o).has_value());
  EXPECT_EQ(*read_file(o.out), good);
  o.out = dir_ + "/no/such/folder/out.csv";
  EXPECT_FALSE(import(good, o).has_value());
  put("out.csv", "before");
  EXPECT_FALSE(import("rubbish\n", options()).has_value());
  EXPECT_EQ(*read_file(dir_ + "/out.csv"), "before");
}

TEST_F(Import, ApacheStampsAreStarts) {
  ImportOptions o = options();
  o.log_format = R"(%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\" %{usec}t %D)";
  const Recording r = imported(
      "1.1.1.1 - - [22/Jan/2019:03:56:16 +0000] \"GET /a\\\"b HTTP/1.1\" 200 - \"-\" \"say \\\"hi\\\"\" "
      "1548129376500000 250000\n",
      o);
  ASSERT_EQ(r.size(), 1U);
  EXPECT_EQ(r.first.count(), 1548129376 * kS + 500'000'000);
  EXPECT_EQ(r.latency[0], 250ms);
  EXPECT_EQ(r.paths[0], "/a%22b");
  EXPECT_EQ(import("1.1.1.1 - - [22/Jan/2019:03:56:16 +0000] \"GET /a HTTP/1.0\" 200 5\n", options())->format,
            "apache");  // common
}

TEST_F(Import, ReadsEnvoyTextAndJson) {
  const std::string text =
      R"([2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80")"
      "\n";
  ImportSummary s;
  const Recording r = imported(text, options(), &s);
  EXPECT_EQ(s.format, "envoy");
  ASSERT_EQ(r.size(), 1U);
  EXPECT_EQ(r.first.count(), 1460751420 * kS + 310'000'000);
  EXPECT_EQ(r.latency[0], 226ms);
  EXPECT_EQ(r.paths[0], "/api/v1/locations");
  const Recording j = imported(
      R"({"start_time":"2016-04-15T20:17:00.310Z","method":"GET","path":"/q","response_code":200,"duration":12,"x_forwarded_for":"1.1.1.1","user_agent":null})"
      "\n",
      options(), &s);
  EXPECT_EQ(s.format, "envoy_json");
  ASSERT_EQ(j.size(), 1U);
  EXPECT_EQ(j.latency[0], 12ms);
}

TEST_F(Import, ReadsGoReplayWithThreeAndFourFields) {
  const std::string between = "\n\xF0\x9F\x90\xB5\xF0\x9F\x99\x88\xF0\x9F\x99\x89\n";
  const std::string gor = "1 aa01 1700000001000000000\nGET /a HTTP/1.1\r\nHost: x\r\nCookie: sid=one; b=2\r\n\r\n" +
                          between + "2 aa01 1700000001100000000 150000000\nHTTP/1.1 201 Created\r\n\r\n" + between +
                          "2 aa03 1700000003200000000 0\nHTTP/1.1 500 X\r\n\r\nbody\nwith lines" + between +
                          "1 aa03 1700000003000000000 0\nPOST /b HTTP/1.1\r\nCookie: b=2; sid=one\r\n\r\nx=1" +
                          between + "1 aa02 1700000002000000000 0\nGET /c HTTP/1.1\r\n\r\n" + between + "junk" +
                          between;
  ImportSummary s;
  const Recording r = imported(gor, options(), &s);
  EXPECT_EQ(s.format, "gor");
  ASSERT_EQ(r.size(), 3U);
  EXPECT_EQ(s.bad, 1U);
  EXPECT_EQ(r.paths[r.path[1]], "/c");  // sorted
  EXPECT_EQ(r.status[0], 201);
  EXPECT_EQ(r.latency[0], 150ms);
  EXPECT_EQ(r.status[2], 500);
  EXPECT_EQ(r.latency[2], 200ms);
  EXPECT_EQ(r.session[0], r.session[2]);
  EXPECT_TRUE(notes_hold(s, "1 requests have no answer"));
  EXPECT_EQ(read_file(s.out)->find("sid=one"), std::string::npos);
}

TEST_F(Import, ReadsHarAsOneSession) {
  ImportSummary s;
  const Recording r = imported(R"({"log":{"version":"1.2","creator":{},"entries":[
    {"startedDateTime":"2009-04-16T12:07:25.123+01:00","time":50.5,"request":{"method":"GET","url":"https://shop.example/cart?token=abc"},"response":{"status":200}},
    {"startedDateTime":"nonsense","time":1,"request":{"method":"GET","url":"https://shop.example/"},"response":{}},
    {"startedDateTime":"2009-04-16T12:07:26.000+01:00","time":1,"request":{"method":"POST","url":"https://shop.example/pay"},"response":{"status":302}}]}})",
                               options(), &s);
  EXPECT_EQ(s.format, "har");
  ASSERT_EQ(r.size(), 2U);
  EXPECT_EQ(s.bad, 1U);
  EXPECT_EQ(r.sessions, 1U);
  EXPECT_EQ(r.latency[0], 50500us);
  EXPECT_EQ(r.paths[0].find("abc"), std::string::npos);
  EXPECT_TRUE(notes_hold(s, "ONE browser"));
}

TEST_F(Import, ReadsServerSpansOfOtlp) {
  const auto span = [](const std::string& kind, const std::string& parent, const std::string& path) {
    return R"({"traceId":"t1","spanId":"s","parentSpanId":")" + parent + R"(","kind":)" + kind +
           R"(,"startTimeUnixNano":"1700000000000000001","endTimeUnixNano":"1700000000250000001","attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":")" +
           path +
           R"("}},{"key":"url.query","value":{"stringValue":"a=1"}},{"key":"http.response.status_code","value":{"intValue":"503"}}]})";
  };
  const std::string doc =
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[)" +
      span("2", "", "/entry") + "," + span("2", "abc", "/inner") + "," + span("3", "", "/out") + "]}]}]}";
  ImportSummary s;
  const Recording r = imported(doc + "\n", options(), &s);
  EXPECT_EQ(s.format, "otlp");
  ASSERT_EQ(r.size(), 1U);
  EXPECT_EQ(r.first.count() % 10, 1);  // not a nanosecond is lost
  EXPECT_EQ(r.paths[0], "/entry?a=1");
  EXPECT_EQ(r.status[0], 503);
  ImportOptions o = options();
  o.service = "shop";
  EXPECT_EQ(imported(doc, o).size(), 2U);
  o.service = "shpo";
  EXPECT_FALSE(import(doc, o).has_value());
}

TEST_F(Import, MapsColumnsOfCsvAndJsonLines) {
  ImportOptions o = options();
  o.map = {{"when", "ts"}, {"who", "session"}, {"took", "latency_ms"}};
  o.zone = "+08:00";
  const Recording r = imported(
      "who,when,url,took\nbob,2024-01-01 08:00:00.5,\"/a,b?x=\"\"1\",12.5\namy,2024-01-01 "
      "08:00:01,/b,\nbob,nonsense,/c,1\n",
      o);
  ASSERT_EQ(r.size(), 2U);
  EXPECT_EQ(r.first.count(), 1704067200 * kS + 500'000'000);
  EXPECT_EQ(r.latency[0], 12500us);
  EXPECT_EQ(r.paths[0], "/a,b?x=%221");
  o.map = {{"nope", "ts"}};
  EXPECT_NE(import("who,when\n1,2\n", o).error().what.find("nope"), std::string::npos);
  o.map = {{"who", "sesion"}};
  EXPECT_FALSE(import("who,when\n1,2\n", o).has_value());
  o.map = {{"http.url", "path"}, {"/t/0", "ts_ms"}};
  o.format = "jsonl";
  const Recording j = imported("{\"t\":[1700000000123],\"http\":{\"url\":\"/q\"}}\nnull\n{\"t\":[]}\n", o);
  ASSERT_EQ(j.size(), 1U);
  EXPECT_EQ(j.paths[0], "/q");
  EXPECT_EQ(j.first.count(), 1700000000123 * 1'000'000);
}

TEST_F(Import, CountsKeepTheirTotalsPerInterval) {
  ImportSummary s;
  const Recording r = imported(
      "timestamp,value\n2014-04-10 00:04:00,94.0\n2014-04-10 00:09:00,0\n2014-04-10 00:14:00,7.5\n2014-04-10 "
      "00:19:00,7.5\nrubbish,1\n",
      options(), &s);
  EXPECT_EQ(s.format, "counts");
  EXPECT_EQ(s.bad, 1U);
  ASSERT_EQ(r.size(), 109U);
  std::vector<int> per(4, 0);
  for (const Nanos at : r.at)
    ++per.at(static_cast<std::size_t>((r.first.count() + at.count() - 1397088240 * kS) / (300 * kS)));
  EXPECT_EQ(per, (std::vector<int>{94, 0, 7, 8}));
  EXPECT_EQ(r.paths[0], "");
  EXPECT_EQ(r.methods[0], "");
  EXPECT_TRUE(notes_hold(s, "COUNTS, NOT REQUESTS"));
}

TEST_F(Import, CountsYearsApartAreRefused) {
  EXPECT_EQ(import("time,count\n0,5\n7000000000,5\n", options()).error().code, Errc::invalid);
}

TEST_F(Import, OptionsWithoutMeaningForTheFormatAreRefused) {
  ImportOptions o = options();
  o.format = "gor";
  o.log_format = "$msec";
  EXPECT_FALSE(import("x\n", o).has_value());
  o = options();
  o.map = {{"a", "ts"}};
  o.format = "nginx";
  EXPECT_FALSE(import("x\n", o).has_value());
  o = options();
  o.zone = "Mars";
  EXPECT_FALSE(import("x\n", o).has_value());
}

TEST_F(Import, AnImportedRecordingCanBeImportedAgain) {
  std::string log;
  for (int i = 0; i < 50; ++i)
    log += combined("22/Jan/2019:03:56:" + std::to_string(10 + i) + " +0000",
                    "GET /goods/" + std::to_string(i % 5) + "?phone=13812345678 HTTP/1.1",
                    "10.0.0." + std::to_string(i % 3));
  ImportOptions o = options();
  const Recording first = imported(log, o);
  const std::string csv = *read_file(o.out);
  o.out = dir_ + "/again.csv";
  const Recording again = imported(csv, o);
  EXPECT_EQ(first.at, again.at);
  EXPECT_EQ(first.session, again.session);
  EXPECT_EQ(first.paths, again.paths);
}

}  // namespace
}  // namespace cardstorm
