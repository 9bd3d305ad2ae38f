#pragma once
// What a book refers to of itself: the value of a pool, the price of a token. Computed for a block once its market and its
// defaults are known, and published as further rows of Block::factors, which batches read as they read the market.
#include <memory>
#include <span>
#include <vector>

#include "kernels/instruments/instrument.h"
#include "kernels/market/market.h"

namespace tailcube {

// What a pool publishes, in the job's currency, of all its positions.
enum PoolRow : std::uint8_t {
  pool_value,        // their value and the cash received since today
  pool_credit_loss,  // as Ledger::credit_loss
  pool_rows
};
inline FactorIndex row_of(PoolIndex pool, PoolRow row) { return FactorIndex{static_cast<std::uint32_t>(pool) + row}; }
inline FactorIndex row_of(AccountIndex account, AccountRow row) {
  return FactorIndex{static_cast<std::uint32_t>(account) + row};
}

// A pool, a position with a price, or an account.
struct Link {
  FactorIndex first;  // of its rows of Block::factors
  int rows;
  double today = 0;                             // value of the pool, or of the account
  std::vector<std::shared_ptr<Batch>> batches;  // of a pool: batch i sets row i of the ledger, at every step
  std::unique_ptr<PricePath> price;             // or of a position, or of an account
};
// Immutable, shared by all threads and by books of the same job.
struct Publishing {
  FactorModel every_step;                       // discount factors of the pools' batches, seen from every step
  std::vector<Link> links;                      // each reads the market and what earlier ones publish
  std::size_t ledger_rows = 0, gauge_rows = 0;  // of the pool with most
  bool reads_defaults = false;
};

// The memory of one thread.
class Publisher {
 public:
  explicit Publisher(const Publishing*);  // null: nothing is published
  // Sets the rows of all links in a block that has its paths and, where Publishing::reads_defaults, its defaults. Links
  // with a mark in `as_base` are copied from `base`, where they are the same in every bit.
  void publish(Block&, std::span<const std::uint8_t> as_base = {}, const Block* base = nullptr);

 private:
  void add_up(const Link&, Block&);
  const Publishing* publishing_;
  Ledger ledger_;
  LaneTable discounts_;
  Faults faults_;
};
std::size_t publisher_bytes(const Publishing&);

}  // namespace tailcube
