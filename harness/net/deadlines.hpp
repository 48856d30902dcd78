// deadlines: a heap of things with a deadline, each of which knows its place, so that one that ends early leaves at
// once and nothing grows with the number of requests ever made.
#pragma once

#include <cassert>
#include <utility>
#include <vector>

#include "harness/core/clock.hpp"

namespace cardstorm {

/// T has `Nanos deadline` and `std::size_t place`, which the heap keeps and which is kNowhere while it is not in the
/// heap.
template <class T>
class Deadlines {
 public:
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] Nanos next() const { return heap_.empty() ? Nanos::max() : heap_.front()->deadline; }
  [[nodiscard]] T* first() const { return heap_.front(); }

  void add(T& item) {
    assert(item.place == kNowhere);
    heap_.push_back(&item);
    rise(heap_.size() - 1, &item);
  }

  void remove(T& item) {
    if (item.place == kNowhere) return;
    const std::size_t hole = std::exchange(item.place, kNowhere);
    T* last = heap_.back();
    heap_.pop_back();
    if (hole == heap_.size()) return;
    if (hole > 0 && last->deadline < heap_[(hole - 1) / 2]->deadline)
      rise(hole, last);
    else
      sink(hole, last);
  }

 private:
  void put(std::size_t at, T* item) {
    heap_[at] = item;
    item->place = at;
  }
  void rise(std::size_t at, T* item) {
    for (; at > 0 && item->deadline < heap_[(at - 1) / 2]->deadline; at = (at - 1) / 2) put(at, heap_[(at - 1) / 2]);
    put(at, item);
  }
  void sink(std::size_t at, T* item) {
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1]->deadline < heap_[child]->deadline) ++child;
      if (heap_[child]->deadline >= item->deadline) break;
      put(at, heap_[child]);
      at = child;
    }
    put(at, item);
  }
  std::vector<T*> heap_;
};

}  // namespace cardstorm
