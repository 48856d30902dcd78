// child: see child.hpp.
#include "reference_platform/ops/child.hpp"

#include <algorithm>
#include <cassert>
#include <csignal>
#include <cstdio>

namespace platform::ops {

using namespace std::chrono_literals;

Child& Children::add(Child child) {
  const std::lock_guard lock(mutex_);
  children_.push_back(std::make_unique<Child>(std::move(child)));
  return *children_.back();
}

Child& Children::named(const std::string& name) {
  const auto found =
      std::find_if(children_.begin(), children_.end(), [&name](const auto& c) { return c->name == name; });
  assert(found != children_.end());
  return **found;
}

void Children::launch(Child& c) {
  Process p = Process::spawn(c.command);
  const std::lock_guard lock(mutex_);
  c.process = std::move(p);
  c.started = Clock::now();
  c.alive = true;
}

void Children::restart(Child& c) {
  try {
    launch(c);
    const std::lock_guard lock(mutex_);
    ++c.restarts;
  } catch (const EnvironmentError& e) {
    std::fprintf(stderr, "supervisor: %s\n", e.what());
    c.restart_at = Clock::now() + std::max(c.policy.delay(Clock::now(), Clock::now()), RestartPolicy::Millis(100));
  }
}

void Children::restart_nodes() {
  for (auto& c : children_)
    if (!c->role.empty() && c->alive) c->process.signal(SIGKILL);
  for (auto& c : children_) {
    if (c->role.empty() || c->leaving) continue;
    if (c->alive) c->process.wait(2000ms);
    {
      const std::lock_guard lock(mutex_);
      c->alive = false;
    }
    restart(*c);
  }
}

void Children::leave(const std::string& name) {
  const auto found =
      std::find_if(children_.begin(), children_.end(), [&name](const auto& c) { return c->name == name; });
  if (found == children_.end()) return;
  const std::lock_guard lock(mutex_);
  Child& c = **found;
  c.leaving = true;
  if (c.alive) {
    c.process.signal(SIGTERM);
    c.process.signal(SIGCONT);  // a stopped process would not hear it
  }
}

void Children::kill_leaving() {
  for (auto& c : children_)
    if (c->leaving && c->alive) c->process.signal(SIGKILL);
}

void Children::add_waits(std::vector<pollfd>& waits) const {
  for (const auto& c : children_)
    if (c->alive) waits.push_back({c->process.pidfd(), POLLIN, 0});
}

void Children::bury(Child& c) {
  const auto delay = c.policy.delay(c.started, Clock::now());
  if (!c.leaving)
    std::fprintf(stderr, "supervisor: %s (pid %d) ended with %s, starts again in %.1f s\n", c.name.c_str(),
                 c.process.pid(), c.process.how().c_str(), std::chrono::duration<double>(delay).count());
  const std::lock_guard lock(mutex_);
  c.alive = false;
  c.restart_at = Clock::now() + delay;
}

void Children::tend() {
  for (auto& c : children_)
    if (c->alive && c->process.ended()) bury(*c);
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(children_, [](const auto& c) { return c->leaving && !c->alive; });
  }
  for (auto& c : children_)
    if (!c->alive && c->restart_at <= Clock::now()) restart(*c);
}

int Children::until_next_restart() const {
  auto next = Clock::time_point::max();
  for (const auto& c : children_)
    if (!c->alive) next = std::min(next, c->restart_at);
  if (next == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60000));
}

void Children::end_nodes(std::chrono::milliseconds limit) {
  for (auto& c : children_)
    if (c->alive && !c->role.empty()) {
      c->process.signal(SIGTERM);
      c->process.signal(SIGCONT);  // a stopped process would not hear it
    }
  const auto until = Clock::now() + limit;
  for (auto& c : children_)
    if (c->alive && !c->role.empty() &&
        !c->process.wait(std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()))))
      c->process = Process();  // kills
}

void Children::clear() {
  const std::lock_guard lock(mutex_);
  children_.clear();
}

std::vector<NodeView> Children::nodes() const {
  const std::lock_guard lock(mutex_);
  std::vector<NodeView> out;
  for (const auto& c : children_)
    if (!c->role.empty())
      out.push_back({c->name, c->role, c->url, c->admin_url, c->version, c->alive ? c->process.pid() : 0,
                     c->alive ? c->process.start_time() : 0, c->alive, c->leaving, c->restarts});
  return out;
}

}  // namespace platform::ops
