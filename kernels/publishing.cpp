#include "kernels/publishing.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tailcube {
namespace {

constexpr std::size_t listed_faults = 4096;

std::size_t series(const Publishing& p) { return 3 * p.ledger_rows + p.gauge_rows; }

}  // namespace

Publisher::Publisher(const Publishing* publishing) : publishing_(publishing) {
  if (publishing == nullptr) return;
  const FactorModel& market = publishing->every_step;
  for (LaneTable* table : {&ledger_.value, &ledger_.cash, &ledger_.credit_loss})
    *table = LaneTable(publishing->ledger_rows, market.steps);
  ledger_.gauges = LaneTable(publishing->gauge_rows, market.steps);
  discounts_ = LaneTable(market.discounts.size(), market.steps);
  faults_.reserve(listed_faults);
}

std::size_t publisher_bytes(const Publishing& p) {
  std::size_t scratch = 0;
  for (const Link& link : p.links)
    for (const auto& batch : link.batches) scratch = std::max(scratch, batch->bytes_per_thread);
  const std::size_t rows = series(p) + p.every_step.discounts.size();
  return scratch + rows * static_cast<std::size_t>(p.every_step.steps) * lanes * sizeof(double) +
         listed_faults * sizeof(Fault);
}

void Publisher::publish(Block& block, std::span<const std::uint8_t> as_base, const Block* base) {
  if (publishing_ == nullptr) return;
  const std::size_t row = static_cast<std::size_t>(publishing_->every_step.steps + 1) * lanes;
  std::swap(block.discounts, discounts_);
  bool discounted = publishing_->every_step.discounts.empty();
  for (std::size_t l = 0; l < publishing_->links.size(); ++l) {
    const Link& link = publishing_->links[l];
    if (!as_base.empty() && as_base[l] != 0) {
      std::copy_n(base->factors(link.first, 0).data(), static_cast<std::size_t>(link.rows) * row,
                  block.factors(link.first, 0).data());
    } else if (link.price) {
      link.price->publish(block, link.first);
    } else if (link.batches.empty()) {  // an account that has lost all who share it
      std::fill_n(block.factors(link.first, 0).data(), static_cast<std::size_t>(link.rows) * row, 0.0);
    } else {
      if (!std::exchange(discounted, true)) discount(publishing_->every_step, block);
      add_up(link, block);
    }
  }
  std::swap(block.discounts, discounts_);
}

void Publisher::add_up(const Link& pool, Block& block) {
  faults_.clear();
  for (const auto& batch : pool.batches) batch->evaluate(block, ledger_, faults_);
  const PoolIndex at{static_cast<std::uint32_t>(pool.first)};
  std::fill_n(block.factors(row_of(at, pool_value), 0).data(), lanes, pool.today);
  std::fill_n(block.factors(row_of(at, pool_credit_loss), 0).data(), lanes, 0.0);
  for (int n = 1; n <= publishing_->every_step.steps; ++n) {
    const Lanes value = block.factors(row_of(at, pool_value), n), lost = block.factors(row_of(at, pool_credit_loss), n);
    std::fill(value.begin(), value.end(), 0.0);
    std::fill(lost.begin(), lost.end(), 0.0);
    for (std::size_t i = 0; i < pool.batches.size(); ++i) {
      const double *worth = ledger_.value(i, n - 1).data(), *cash = ledger_.cash(i, n - 1).data();
      const double* credit = ledger_.credit_loss(i, n - 1).data();
      for (std::size_t k = 0; k < lanes; ++k) value[k] += worth[k] + cash[k];
      for (std::size_t k = 0; k < lanes; ++k) lost[k] += credit[k];
    }
  }
  // A pool with a position that has no value has none; whoever refers to it is not finite then, which is a fault. Where the
  // list of faults is full, nothing is known of the rest.
  const auto no_value = [&](std::size_t lane) {
    for (int n = 1; n <= publishing_->every_step.steps; ++n)
      for (const PoolRow row : {pool_value, pool_credit_loss})
        block.factors(row_of(at, row), n)[lane] = std::numeric_limits<double>::quiet_NaN();
  };
  if (faults_.size() == faults_.capacity())
    for (std::size_t k = 0; k < lanes; ++k) no_value(k);
  for (const Fault& f : faults_) no_value(f.lane);
}

}  // namespace tailcube
