#pragma once
// What a replay evaluates: a book with one cell, a block of any of its scenarios at a time, by the stages of a run.
#include <array>
#include <cstdint>
#include <span>

#include "kernels/evaluate.h"

namespace tailcube {

class ReplayScene {
 public:
  explicit ReplayScene(CompiledBook);  // its first cell
  ReplayScene(const ReplayScene&) = delete;
  const CompiledBook& book() const { return book_; }
  const Block& block() const { return block_; }
  // Draws the market: of consecutive scenarios from a multiple of `lanes`, or of any up to `lanes`.
  void walk(std::uint64_t first_scenario, std::size_t scenarios) { walk(first_scenario, nullptr, scenarios); }
  void walk(std::span<const std::uint32_t> scenarios);
  // Defaults and values as well. The ledger has room (make_room).
  void evaluate(std::span<const std::uint32_t> scenarios, Ledger&);

 private:
  void walk(std::uint64_t first_scenario, const std::uint32_t* gathered, std::size_t scenarios);
  CompiledBook book_;
  Block base_, block_;
  LaneTable innovations_, scratch_;
  CreditScratch credit_;
  Publisher publisher_;
  Faults faults_;
  std::array<std::uint32_t, lanes> gathered_{};
};

// For the rows of the book at so many valued steps; what the ledger holds is lost where it has to grow.
void make_room(Ledger&, const CompiledBook&, int valued);

}  // namespace tailcube
