#include "kernels/instruments/pledged.h"

namespace tailcube {

void Pledges::add(std::size_t position, std::uint32_t row, What what, std::uint32_t valued, FactorIndex factor,
                  FactorIndex currency, double amount) {
  position_.push_back(static_cast<std::uint32_t>(position));
  single_.push_back({row, valued, what, factor, currency, amount});
}

void Pledges::add_today(std::uint32_t row, What what, double money) {
  today_.resize(rows_.count * rows_.gauges, 0.0);
  double* const of_row = &today_[row * rows_.gauges + first_];
  of_row[what] += money;
  of_row[2] += what == collateral ? money : -money;
}

void Pledges::seal(const std::vector<ObligorIndex>& of_position) {
  merged_ = single_;
  merge(merged_, [](const Amount& a) { return a.key(); });
  for (std::size_t i = 0; i < single_.size(); ++i)
    if (i == 0 || position_[i] != position_[i - 1]) {
      if (!defaults_.empty()) defaults_.back().end = i;
      defaults_.push_back({of_position[position_[i]], i, single_.size()});
    }
  std::erase_if(defaults_, [](const Default& d) { return is_none(d.obligor); });
  if (defaults_.empty()) single_.clear();
  position_ = {};
}

double* Pledges::gauge(const Amount& a, Ledger& ledger) const {
  return ledger.gauges(rows_.gauge(a.row, first_ + a.what), static_cast<int>(a.valued)).data();
}

void Pledges::add_values(const Block& block, Ledger& ledger) const noexcept {
  const auto price = [&](const Amount& a) { return exchange(block, a.factor, rows_.valued[a.valued]); };
  const auto rate = [&](const Amount& a) { return exchange(block, a.currency, rows_.valued[a.valued]); };
  for (const Amount& a : merged_) {
    double* const to = gauge(a, ledger);
    const double *each = price(a), *fx = rate(a);
    for (std::size_t k = 0; k < lanes; ++k) to[k] += a.amount * (each[k] * fx[k]);
  }
  for (const Default& mine : defaults_) {
    for (const tailcube::Default& d : defaults_of(block, mine.obligor))
      for (std::size_t i = mine.begin; i < mine.end; ++i) {
        const Amount& a = single_[i];
        if (d.step <= rows_.valued[a.valued]) gauge(a, ledger)[d.lane] -= a.amount * (price(a)[d.lane] * rate(a)[d.lane]);
      }
  }
  for (std::size_t row = 0; row < rows_.count; ++row)
    for (int v = 0; static_cast<std::size_t>(v) < rows_.valued.size(); ++v) {
      const auto at = [&](std::size_t k) { return ledger.gauges(rows_.gauge(row, first_ + k), v).data(); };
      for (std::size_t k = 0; k < lanes; ++k) at(2)[k] = at(collateral)[k] - at(debt)[k];
    }
}

namespace {

class Pledged final : public Batch {
 public:
  Pledged(std::unique_ptr<Batch> batch, Pledges pledges)
      : Batch(*batch), batch_(std::move(batch)), pledges_(std::move(pledges)) {
    gauges_today = pledges_.today();
  }
  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    batch_->evaluate(block, ledger, faults);
    pledges_.add_values(block, ledger);
  }

 private:
  std::unique_ptr<Batch> batch_;
  Pledges pledges_;
};

class PledgedTelling final : public TellingBatch {
 public:
  PledgedTelling(std::unique_ptr<Batch> batch, const TellingBatch& same, Pledges pledges)
      : TellingBatch(same), batch_(std::move(batch)), telling_(same), pledges_(std::move(pledges)) {
    gauges_today = pledges_.today();
  }
  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    telling_.evaluate(block, ledger, faults);
    pledges_.add_values(block, ledger);
  }
  void evaluate_keeping(const Block& block, Ledger& ledger, Faults& faults, Kept& kept) const noexcept override {
    telling_.evaluate_keeping(block, ledger, faults, kept);
    pledges_.add_values(block, ledger);
  }
  void evaluate_telling(const Block& block, Ledger& ledger, Faults& faults, Kept* kept,
                        DefaultListener& listener) const noexcept override {
    telling_.evaluate_telling(block, ledger, faults, kept, listener);
    pledges_.add_values(block, ledger);
  }
  double drawn(std::uint32_t position, const Default& d, const Block& block) const noexcept override {
    return telling_.drawn(position, d, block);
  }

 private:
  std::unique_ptr<Batch> batch_;
  const TellingBatch& telling_;
  Pledges pledges_;
};

}  // namespace

std::unique_ptr<Batch> with_pledges(std::unique_ptr<Batch> batch, Pledges pledges) {
  if (const auto* telling = dynamic_cast<const TellingBatch*>(batch.get()))
    return std::make_unique<PledgedTelling>(std::move(batch), *telling, std::move(pledges));
  return std::make_unique<Pledged>(std::move(batch), std::move(pledges));
}

}  // namespace tailcube
