// Every kind of event survives the way to the disk and back; every kind of damage is found and named.
#include "harness/history/history.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <limits>

#include "harness/core/files.hpp"
#include "harness/core/rng.hpp"
#include "harness/history/block.hpp"
#include "harness/history/codec.hpp"
#include "harness/history/fields.hpp"
#include "tests/support/history_builder.hpp"
#include "tests/support/temp_dir.hpp"

namespace cardstorm {
namespace {

using test::HistoryBuilder;
using test::TempDir;

/// Fills any event with random values, extremes included.
class Fill {
 public:
  explicit Fill(Rng& rng) : rng_(rng) {}
  template <class T>
  void operator()(const char*, T& v) {
    if constexpr (std::is_same_v<T, Nanos>)
      v = Nanos(static_cast<std::int64_t>(wide()));
    else if constexpr (std::is_same_v<T, std::string>)
      v = text();
    else if constexpr (std::is_same_v<T, double>)
      v = (rng_.unit() - 0.5) * 1e12;
    else if constexpr (std::is_same_v<T, bool>)
      v = rng_.below(2) == 1;
    else if constexpr (std::is_enum_v<T>)
      v = static_cast<T>(rng_.below(3));
    else
      v = static_cast<T>(wide());
  }

 private:
  std::uint64_t wide() {
    switch (rng_.below(6)) {
      case 0:
        return 0;
      case 1:
        return static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      case 2:
        return static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::min());
      case 3:
        return ~std::uint64_t{0};
      default:
        return rng_.next() >> rng_.below(64);
    }
  }
  std::string text() {
    std::string out(rng_.below(10) == 0 ? rng_.below(history::kTextMax + 1) : rng_.below(20), '\0');
    for (char& c : out) c = static_cast<char>(rng_.next());
    return out;
  }
  Rng& rng_;
};

template <std::size_t I = 0>
Event random_event(std::size_t kind, Rng& rng) {
  if constexpr (I + 1 < std::variant_size_v<Event>)
    if (kind != I) return random_event<I + 1>(kind, rng);
  std::variant_alternative_t<I, Event> e{};
  history::fields(e, Fill(rng));
  return e;
}

std::string text_of(const Event& e) { return json_of_event(e).dump(); }

std::vector<std::string> texts_of(const std::vector<Event>& events) {
  std::vector<std::string> out;
  for (const Event& e : events) out.push_back(text_of(e));
  return out;
}

struct Read {
  std::vector<Event> events;
  std::vector<HistoryDamage> damage;
};

Read read(const std::string& dir) {
  Read r;
  auto damage = read_history(dir, [&](const Event& e) { r.events.push_back(e); });
  EXPECT_TRUE(damage) << (damage ? "" : damage.error().what);
  if (damage) r.damage = *damage;
  return r;
}

void write_lane(const std::string& dir, const std::string& lane, const std::vector<Event>& events,
                std::size_t flush_each = 0) {
  auto writer = HistoryWriter::open(dir, lane);
  ASSERT_TRUE(writer) << writer.error().what;
  for (std::size_t i = 0; i < events.size(); ++i) {
    (*writer)->write(events[i]);
    if (flush_each > 0 && (i + 1) % flush_each == 0) (*writer)->flush();
  }
  EXPECT_TRUE((*writer)->close());
}

std::vector<Event> sorted(std::vector<Event> events) {
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return time_of(a) < time_of(b); });
  return events;
}

TEST(Codec, RoundTripsRandomEventsOfEveryKind) {
  Rng rng(1, "codec");
  for (int round = 0; round < 400; ++round)
    for (std::size_t kind = 0; kind < std::variant_size_v<Event>; ++kind) {
      const Event e = random_event(kind, rng);
      const Nanos base(static_cast<std::int64_t>(rng.next()));
      std::string bytes, problem;
      history::encode(e, base, bytes);
      history::Decoder decoder(bytes, base);
      const auto back = decoder.next(problem);
      ASSERT_TRUE(back) << problem << " in " << text_of(e);
      ASSERT_EQ(text_of(*back), text_of(e));
      ASSERT_TRUE(decoder.at_end());
    }
}

TEST(Codec, CutsATextThatIsTooLongAndKeepsTheRest) {
  std::string bytes, problem;
  history::encode(TargetRestarted{1s, 7, std::string(100'000, 'x')}, 0s, bytes);
  const auto back = history::Decoder(bytes, 0s).next(problem);
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<TargetRestarted>(*back).reason.size(), history::kTextMax);
  EXPECT_EQ(std::get<TargetRestarted>(*back).segment, 7u);
}

TEST(Codec, SurvivesRandomBytes) {
  Rng rng(2, "noise");
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(rng.below(60), '\0');
    for (char& c : bytes) c = static_cast<char>(rng.next());
    std::string problem;
    history::Decoder decoder(bytes, 0s);
    while (!decoder.at_end()) (void)decoder.next(problem);
  }
}

TEST(Codec, NamesAnUnknownKindAndReadsOn) {
  std::string bytes, problem;
  bytes += std::string("\x03\x63\x01\x02", 4);  // a record of kind 99 with two bytes
  history::encode(Sampled{5s, "pool", 1.5}, 0s, bytes);
  history::Decoder decoder(bytes, 0s);
  EXPECT_FALSE(decoder.next(problem));
  EXPECT_EQ(problem, "unknown record kind 99");
  const auto after = decoder.next(problem);
  ASSERT_TRUE(after);
  EXPECT_EQ(std::get<Sampled>(*after).name, "pool");
}

TEST(Crc32c, MatchesRfc3720) {
  EXPECT_EQ(history::crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(history::crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(history::crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(History, MergesLanesByTimeThenByLaneThenByOrderOfWriting) {
  TempDir dir;
  write_lane(dir.path(), "drive", HistoryBuilder().planned(1, 1s).planned(2, 3s).planned(3, 3s).events());
  write_lane(dir.path(), "fault",
             HistoryBuilder()
                 .fault(2s, "node_kill", "order", FaultEdge::injected)
                 .fault(3s, "node_kill", "order", FaultEdge::cleared)
                 .events());
  const Read r = read(dir.path());
  EXPECT_TRUE(r.damage.empty());
  ASSERT_EQ(r.events.size(), 5u);
  EXPECT_EQ(std::get<TradePlanned>(r.events[0]).trade, 1u);
  EXPECT_EQ(std::get<FaultChanged>(r.events[1]).at, Nanos(2s));
  EXPECT_EQ(std::get<TradePlanned>(r.events[2]).trade, 2u);
  EXPECT_EQ(std::get<TradePlanned>(r.events[3]).trade, 3u);
  EXPECT_EQ(std::get<FaultChanged>(r.events[4]).edge, FaultEdge::cleared);
}

TEST(History, GivesTheExactOrderHoweverDisorderedALaneIs) {
  TempDir dir;
  Rng rng(3, "disorder");
  std::vector<Event> all;
  for (const char* lane : {"a", "b", "c"}) {
    std::vector<Event> events;
    for (int i = 0; i < 3000; ++i)
      events.push_back(Sampled{Nanos(static_cast<std::int64_t>(rng.below(1000)) * 1'000'000 + i * 100'000),
                               lane + std::to_string(i), 0});
    write_lane(dir.path(), lane, events, 100);
    all.insert(all.end(), events.begin(), events.end());
  }
  const Read r = read(dir.path());
  EXPECT_TRUE(r.damage.empty());
  EXPECT_EQ(texts_of(r.events), texts_of(sorted(all)));
}

TEST(History, SpreadsOverBlocksOfAtMost64KiB) {
  TempDir dir;
  std::vector<Event> events;
  for (TradeId i = 0; i < 10'000; ++i)
    events.push_back(StepEnded{i, 1, Nanos(i * 1000), Nanos(i * 1000 + 5), Nanos(i * 1000 + 900), Outcome::ok,
                               Cause::none, 200, 1, 0});
  write_lane(dir.path(), "drive", events);
  const std::string bytes = *read_file(dir.path() + "/drive.hist");
  EXPECT_LT(bytes.size(), events.size() * 30);
  std::size_t at = history::kFileMagic.size(), blocks = 0;
  while (at < bytes.size()) {
    const auto header = history::header_of(std::string_view(bytes).substr(at));
    ASSERT_TRUE(header);
    EXPECT_LE(history::kHeaderSize + header->length, 64u * 1024);
    at += history::kHeaderSize + header->length;
    ++blocks;
  }
  EXPECT_GT(blocks, 3u);
  EXPECT_EQ(texts_of(read(dir.path()).events), texts_of(events));
}

TEST(History, ShowsWhatWasFlushedBeforeTheWriterEnds) {
  TempDir dir;
  auto writer = HistoryWriter::open(dir.path(), "drive");
  ASSERT_TRUE(writer);
  (*writer)->write(Sampled{1s, "a", 1});
  (*writer)->flush();
  (*writer)->write(Sampled{2s, "b", 2});
  const Read r = read(dir.path());
  ASSERT_EQ(r.events.size(), 1u);
  ASSERT_EQ(r.damage.size(), 1u);
  EXPECT_EQ(r.damage[0].what, "no end mark: the writer was cut off");
}

/// One small file with three blocks, and what it holds.
std::vector<Event> three_blocks(const std::string& dir) {
  const auto events = HistoryBuilder()
                          .planned(1, 1s, 2)
                          .step(1, 0, 1s, 20ms)
                          .order(1, 1020ms, "O-1", 990)
                          .step(1, 1, 2s, 3s, Outcome::unknown, Cause::timeout)
                          .ended(1, 5s, TradeOutcome::unknown, Cause::timeout)
                          .phase(6s, Phase::done)
                          .events();
  write_lane(dir, "drive", events, 2);
  return events;
}

/// True when `part` is a subsequence of `whole`: damage may lose events, it must never make any up.
bool within(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
  std::size_t at = 0;
  for (const auto& one : whole)
    if (at < part.size() && part[at] == one) ++at;
  return at == part.size();
}

TEST(History, NamesEverySingleFlippedBitAndKeepsTheOtherBlocks) {
  TempDir dir;
  const auto whole = texts_of(three_blocks(dir.path()));
  const std::string path = dir.path() + "/drive.hist";
  const std::string bytes = *read_file(path);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string broken = bytes;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_TRUE(write_file(path, broken));
    const Read r = read(dir.path());
    ASSERT_FALSE(r.damage.empty()) << "bit " << bit;
    ASSERT_EQ(r.damage[0].file, path);
    ASSERT_TRUE(within(texts_of(r.events), whole)) << "bit " << bit;
    ASSERT_GE(r.events.size(), 4u) << "bit " << bit;  // at most one block of two is lost
  }
}

TEST(History, ReadsAllWholeBlocksOfAFileThatIsCutAnywhere) {
  TempDir dir;
  const auto whole = texts_of(three_blocks(dir.path()));
  const std::string path = dir.path() + "/drive.hist";
  const std::string bytes = *read_file(path);
  std::size_t most = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_TRUE(write_file(path, bytes.substr(0, size)));
    const Read r = read(dir.path());
    ASSERT_FALSE(r.damage.empty()) << "cut at " << size;
    ASSERT_TRUE(within(texts_of(r.events), whole)) << "cut at " << size;
    ASSERT_GE(r.events.size(), most) << "cut at " << size;
    most = r.events.size();
  }
  EXPECT_EQ(most, whole.size());
}

TEST(History, NamesABlockThatVanished) {
  TempDir dir;
  three_blocks(dir.path());
  const std::string path = dir.path() + "/drive.hist";
  const std::string bytes = *read_file(path);
  const std::size_t first = history::kFileMagic.size();
  const auto header = history::header_of(std::string_view(bytes).substr(first));
  ASSERT_TRUE(header);
  ASSERT_TRUE(write_file(path, bytes.substr(0, first) + bytes.substr(first + history::kHeaderSize + header->length)));
  const Read r = read(dir.path());
  EXPECT_EQ(r.events.size(), 4u);
  ASSERT_EQ(r.damage.size(), 1u);
  EXPECT_EQ(r.damage[0].what, "block 0 was expected, block 1 is here");
  EXPECT_EQ(r.damage[0].offset, first);
}

TEST(History, FindsTheNextBlockBehindALongStretchOfRubbish) {
  TempDir dir;
  const auto whole = texts_of(three_blocks(dir.path()));
  const std::string path = dir.path() + "/drive.hist";
  const std::string bytes = *read_file(path);
  for (const std::size_t length : {std::size_t{1}, std::size_t{65'000}, std::size_t{65'536}, std::size_t{200'001}}) {
    ASSERT_TRUE(write_file(path, bytes.substr(0, 8) + std::string(length, '\xc5') + bytes.substr(8)));
    const Read r = read(dir.path());
    EXPECT_EQ(texts_of(r.events), whole);
    ASSERT_EQ(r.damage.size(), 1u);
    EXPECT_EQ(r.damage[0].offset, 8u);
  }
}

TEST(History, NamesFileAndOffsetOfAnUnknownRecord) {
  TempDir dir;
  std::string payload("\x02\x63\x01", 3);
  history::encode(Sampled{5s, "x", 1}, 0s, payload);
  history::BlockHeader header{static_cast<std::uint32_t>(payload.size()), 2, 0, 5s, 5s, 0s, history::crc32c(payload)};
  const history::BlockHeader end{0, 0, 1, 0s, 0s, 0s, history::crc32c("")};
  const std::string path = dir.path() + "/new.hist";
  ASSERT_TRUE(write_file(
      path, std::string(history::kFileMagic) + history::bytes_of(header) + payload + history::bytes_of(end)));
  const Read r = read(dir.path());
  EXPECT_EQ(r.events.size(), 1u);
  ASSERT_EQ(r.damage.size(), 1u);
  EXPECT_EQ(r.damage[0].file, path);
  EXPECT_EQ(r.damage[0].offset, history::kFileMagic.size() + history::kHeaderSize);
  EXPECT_EQ(r.damage[0].what, "unknown record kind 99");
}

TEST(History, SaysSoWhenThereIsNone) {
  TempDir dir;
  const auto none = read_history(dir.path(), [](const Event&) {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_FALSE(history_stats(dir.path() + "/missing"));
}

TEST(HistoryWriter, RefusesAFileThatExists) {
  TempDir dir;
  write_lane(dir.path(), "drive", {});
  const auto again = HistoryWriter::open(dir.path(), "drive");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::unavailable);
}

TEST(HistoryWriter, KeepsTheErrorOfAFullDisk) {
  TempDir dir;
  auto writer = HistoryWriter::open(dir.path(), "drive");
  ASSERT_TRUE(writer);
  // A file size limit stands for the full disk: the write comes back short, then fails.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 5000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 2000; ++i) (*writer)->write(Sampled{Nanos(i), "some name", 1.0 * i});
  (*writer)->flush();
  const bool failed = (*writer)->failed();
  const Status closed = (*writer)->close();
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(failed);
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.error().what.find("drive.hist"), std::string::npos);
  EXPECT_FALSE(read(dir.path()).damage.empty());  // the torn block is named, not hidden
}

TEST(HistoryStats, CountsKindsLanesAndSpan) {
  TempDir dir;
  write_lane(dir.path(), "drive", HistoryBuilder().trade(1, 1s, 20ms).trade(2, 2s, 30ms).events());
  write_lane(dir.path(), "fault",
             HistoryBuilder().fault(500ms, "payment_delay", "alpha", FaultEdge::injected).events());
  const auto stats = history_stats(dir.path());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->events, 7u);
  EXPECT_EQ(stats->first, Nanos(500ms));
  EXPECT_EQ(stats->last, Nanos(2030ms));
  const std::vector<std::pair<std::string, std::uint64_t>> kinds{
      {"trade_planned", 2}, {"step_ended", 2}, {"trade_ended", 2}, {"fault_changed", 1}};
  EXPECT_EQ(stats->by_kind, kinds);
  ASSERT_EQ(stats->lanes.size(), 2u);
  EXPECT_EQ(stats->lanes[0].name, "drive");
  EXPECT_EQ(stats->lanes[0].events, 6u);
  EXPECT_EQ(stats->lanes[1].bytes, std::filesystem::file_size(dir.path() + "/fault.hist"));
}

TEST(Export, WritesOneObjectWithNamesAndNanoseconds) {
  EXPECT_EQ(json_of_event(TradeEnded{7, 1500ms, TradeOutcome::failed, Cause::sold_out}).dump(),
            R"({"event":"trade_ended","trade":7,"at_ns":1500000000,"outcome":"failed","cause":"sold_out"})");
  EXPECT_EQ(json_of_event(NodeChanged{1s, "order-1", true, 42, ""}).dump(),
            R"({"event":"node_changed","at_ns":1000000000,"node":"order-1","up":true,"pid":42,"note":""})");
}

}  // namespace
}  // namespace cardstorm
