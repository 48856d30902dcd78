// sessions: see sessions.hpp.
#include "harness/trace/sessions.hpp"

#include "harness/core/rng.hpp"

namespace cardstorm {

Sessions::Place Sessions::of(const SortRow& row) {
  if (row.client == 0) return {next_++, 0};
  const std::int64_t end = row.start_ns + row.latency_ns;
  std::size_t slot = slot_of(row.client);
  if (slots_[slot] == kNone) {
    std::uint32_t fresh = static_cast<std::uint32_t>(nodes_.size());
    if (nodes_.size() < bound_) {
      nodes_.emplace_back();
      if (nodes_.size() * 2 > slots_.size()) grow();
    } else {
      fresh = forget(row.start_ns);
    }
    slot = slot_of(row.client);  // both may have moved it
    slots_[slot] = fresh;
    nodes_[fresh] = {row.client, end, row.start_ns, next_++, kNone, kNone};
    to_front(fresh);
    return {nodes_[fresh].session, 0};
  }
  const std::uint32_t known = slots_[slot];
  Node& node = nodes_[known];
  const std::int64_t silence = row.start_ns - std::max(node.end, node.start);
  const bool fresh = silence > gap_;
  if (fresh) node.session = next_++;
  const Place place{node.session, fresh ? 0 : std::max<std::int64_t>(0, row.start_ns - node.end)};
  node.end = end, node.start = row.start_ns;
  unlink(known);
  to_front(known);
  return place;
}

std::size_t Sessions::slot_of(std::uint64_t client) const {
  std::size_t i = mix64(client) & (slots_.size() - 1);
  while (slots_[i] != kNone && nodes_[slots_[i]].client != client) i = (i + 1) & (slots_.size() - 1);
  return i;
}

void Sessions::grow() {
  std::vector<std::uint32_t> before(slots_.size() * 2, kNone);
  before.swap(slots_);
  for (const std::uint32_t node : before)
    if (node != kNone) slots_[slot_of(nodes_[node].client)] = node;
}

std::uint32_t Sessions::forget(std::int64_t now) {
  const std::uint32_t node = oldest_;
  if (now - std::max(nodes_[node].end, nodes_[node].start) <= gap_) ++early_;
  // What stands behind it in the same chain moves up, so that no chain is broken.
  std::size_t hole = slot_of(nodes_[node].client);
  for (std::size_t i = (hole + 1) & (slots_.size() - 1); slots_[i] != kNone; i = (i + 1) & (slots_.size() - 1)) {
    const std::size_t home = mix64(nodes_[slots_[i]].client) & (slots_.size() - 1);
    const bool may_move = ((i - home) & (slots_.size() - 1)) >= ((i - hole) & (slots_.size() - 1));
    if (may_move) slots_[hole] = slots_[i], hole = i;
  }
  slots_[hole] = kNone;
  unlink(node);
  return node;
}

void Sessions::unlink(std::uint32_t i) {
  Node& node = nodes_[i];
  (node.newer == kNone ? newest_ : nodes_[node.newer].older) = node.older;
  (node.older == kNone ? oldest_ : nodes_[node.older].newer) = node.newer;
  node.newer = node.older = kNone;
}

void Sessions::to_front(std::uint32_t i) {
  nodes_[i].older = newest_;
  nodes_[i].newer = kNone;
  if (newest_ != kNone) nodes_[newest_].newer = i;
  newest_ = i;
  if (oldest_ == kNone) oldest_ = i;
}

}  // namespace cardstorm
