// undo: the one form of an undo in the journal. The lines are those that 0.1.0 wrote: a journal must be read by any
// later guardian or `recover`, and be written the same.
#include "harness/lease/undo.hpp"

#include <gtest/gtest.h>

#include "harness/lease/run_undo.hpp"
#include "harness/net/allow.hpp"

namespace cardstorm {
namespace {

struct Line {
  const char* text;
  Undo undo;
};

HttpUndo http(const char* url, const char* socket, std::vector<std::pair<std::string, std::string>> headers,
              const char* body, std::vector<int> accept, std::optional<Nanos> within, UndoProof proof) {
  HttpUndo out;
  out.url = url;
  out.unix_socket = socket;
  out.headers = std::move(headers);
  out.body = body;
  out.accept = std::move(accept);
  out.within = within;
  out.proof = std::move(proof);
  return out;
}

std::vector<Line> lines_of_0_1_0() {
  return {
      {R"({"kind":"none"})", NoUndo{}},
      {R"({"kind":"http","method":"POST","url":"http://127.0.0.1:31172/admin/pool/hold","headers":{"Content-Type":"@key:0"},)"
       R"("body":"{\"lease_ms\":0}","verify":{"url":"http://127.0.0.1:31172/admin/pool","pointer":"/held","equals":0}})",
       http("http://127.0.0.1:31172/admin/pool/hold", "", {{"Content-Type", "@key:0"}}, R"({"lease_ms":0})", {},
            std::nullopt, ValueProof{"http://127.0.0.1:31172/admin/pool", "", "/held", 0})},
      {R"({"kind":"http","method":"POST","url":"http://127.0.0.1:9/control/channel/alpha/delay","headers":)"
       R"({"X-Control-Token":"@key:0","Content-Type":"@key:1"},"body":"{\"delay_ms\":0}","verify":)"
       R"({"url":"http://127.0.0.1:9/channel/alpha/ping","below_ms":400}})",
       http("http://127.0.0.1:9/control/channel/alpha/delay", "",
            {{"X-Control-Token", "@key:0"}, {"Content-Type", "@key:1"}}, R"({"delay_ms":0})", {}, std::nullopt,
            SpeedProof{"http://127.0.0.1:9/channel/alpha/ping", "", 400ms})},
      {R"({"kind":"http","method":"POST","url":"http://docker/containers/0123456789ab/start","unix_socket":)"
       R"("/run/docker.sock","accept":[304],"within_ms":30000,"verify":{"url":)"
       R"("http://docker/containers/0123456789ab/json","unix_socket":"/run/docker.sock","pointer":"/State/Running",)"
       R"("equals":true}})",
       http("http://docker/containers/0123456789ab/start", "/run/docker.sock", {}, "", {304}, 30s,
            ValueProof{"http://docker/containers/0123456789ab/json", "/run/docker.sock", "/State/Running", true})},
      {R"({"kind":"argv","argv":["systemctl","start","shop"],"within_ms":30000,"log":"/r/commands.log","verify":)"
       R"({"argv":["systemctl","is-active","shop"]}})",
       CommandUndo{
           {"systemctl", "start", "shop"}, 30s, "/r/commands.log", CommandProof{{"systemctl", "is-active", "shop"}}}},
      {R"({"kind":"sql","url":"mysql://shop@127.0.0.1:3306/shop","password_file":"/r/pw","application":"cardstorm-1",)"
       R"("sessions":3})",
       SqlUndo{"mysql://shop@127.0.0.1:3306/shop", "/r/pw", "cardstorm-1", 3}},
  };
}

TEST(UndoForm, IsReadFromTheLinesOfEarlierVersions) {
  for (const Line& line : lines_of_0_1_0()) EXPECT_TRUE(undo_of(*Json::parse(line.text)) == line.undo) << line.text;
}

TEST(UndoForm, IsByteForByteWhatEarlierVersionsWrote) {
  for (const Line& line : lines_of_0_1_0()) EXPECT_EQ(json_of(line.undo).dump(), line.text);
}

TEST(UndoForm, OfAnUnknownKindIsKeptAndNeverTakenForDone) {
  const Undo undo = undo_of(*Json::parse(R"({"kind":"shell","line":"reboot"})"));
  ASSERT_TRUE(std::holds_alternative<UnknownUndo>(undo));
  EXPECT_EQ(json_of(undo).dump(), R"({"kind":"shell"})");
  const UndoResult result = run_undo(undo, *AllowList::parse({"127.0.0.0/8"}), 1s);
  EXPECT_FALSE(result.reverted);
  EXPECT_EQ(result.note, "no such kind of undo: 'shell'");
}

TEST(UndoForm, OfAMissingOneIsThatThereIsNothingToDo) { EXPECT_TRUE(std::holds_alternative<NoUndo>(undo_of(Json()))); }

}  // namespace
}  // namespace cardstorm
