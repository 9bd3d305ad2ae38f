#include "kernels/instruments/cover_claims.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/instruments/rows.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr double rounding = 1e-9;  // dates within this many steps of a step are on it

// A provider's capital. What is claimed at a step takes from it, pro rata if it is not enough, and what is left is there for
// the next.
class Capital final : public PricePath {
 public:
  Capital(std::vector<SharedCover> covers, const FactorModel& market) : covers_(std::move(covers)), steps_(market.steps) {
    double most = 0;
    for (const SharedCover& s : covers_) {
      most += s.quantity * s.claims.most();
      for (const FactorIndex f : s.claims.reads()) reads.push_back(f);
      reads_defaults |= s.claims.reads_defaults();
    }
    reads = distinct(std::move(reads));
    const Cover& first = covers_.front().claims.terms();
    const double today = exchange_today(market, first.capital_factor);
    units_ = first.capital / today;
    rows[account_value] = {first.capital, units_ * exchange_bound(market, first.capital_factor, market.step_years * steps_)};
    rows[account_shortfall] = {0, most};
    rows[account_share] = {1, 1};
  }

  void publish(Block& block, FactorIndex at) const noexcept override {
    const AccountIndex own{static_cast<std::uint32_t>(at)};
    const auto row = [&](AccountRow r, int n) { return block.factors(row_of(own, r), n).data(); };
    std::fill_n(row(account_share, 0), static_cast<std::size_t>(steps_ + 1) * lanes, 0.0);  // first the claims
    const Cover& first = covers_.front().claims.terms();
    Claims::Column failed, lost, open, left;
    find_defaults(block, first.provider_obligor, failed, lost);
    for (const SharedCover& s : covers_) s.claims.add(block, false, s.quantity, failed, row(account_share, 0), open);
    left.fill(units_);
    std::fill_n(row(account_share, 0), lanes, 1.0);
    std::fill_n(row(account_value, 0), lanes, first.capital);
    std::fill_n(row(account_shortfall, 0), lanes, 0.0);
    for (int n = 1; n <= steps_; ++n) {
      const double* price = exchange(block, first.capital_factor, n);
      double *share = row(account_share, n), *value = row(account_value, n), *shortfall = row(account_shortfall, n);
      const double* before = row(account_shortfall, n - 1);
      for (std::size_t k = 0; k < lanes; ++k) {
        const double claimed = share[k], there = left[k] * std::max(price[k], 0.0);
        const bool enough = !(claimed > there);
        share[k] = enough ? 1 : there / claimed;
        left[k] = enough ? left[k] - (claimed > 0 ? claimed / price[k] : 0) : 0;
        value[k] = enough ? there - claimed : 0;
        shortfall[k] = before[k] + (enough ? 0 : claimed - there);
      }
    }
  }

 private:
  std::vector<SharedCover> covers_;
  int steps_;
  double units_ = 0;  // of the factor that capital is held in
};

}  // namespace

Claims::Claims(const Cover& t, ObligorIndex obligor, const Wiring& wiring)
    : t_(t),
      obligor_(obligor),
      end_(std::max(1.0, std::ceil(t.term_years / wiring.time_years[1] - rounding))),
      last_(static_cast<int>(std::min(end_, static_cast<double>(wiring.time_years.size() - 1)))),
      delay_(static_cast<int>(std::min(std::ceil(t.claim_delay_years / wiring.time_years[1] - rounding), 65536.0))) {
  const FactorModel& market = *wiring.market;
  if (t_.limit != t_.limit) t_.limit = never;
  if (t.trigger == Cover::on_price && t.reference_price != t.reference_price)
    t_.reference_price = exchange_today(market, t.factor);
  if (t.trigger == Cover::on_losses) pool_today_ = exchange_today(market, row_of(t.pool, pool_value));
  most_ = t.trigger == Cover::on_losses ? t_.share * t_.limit : payout(t.insured);
}

std::vector<FactorIndex> Claims::reads() const {
  std::vector<FactorIndex> out = {t_.factor, t_.capital_factor};
  if (t_.trigger == Cover::on_losses)
    out.insert(out.end(), {row_of(t_.pool, pool_value), row_of(t_.pool, pool_credit_loss)});
  return out;
}

double Claims::payout(double loss) const { return t_.share * std::min(t_.limit, std::max(loss - t_.deductible, 0.0)); }

void Claims::add(const Block& block, bool undisturbed, double weight, const Column& failed, double* table,
                 Column& open) const noexcept {
  for (std::size_t k = 0; k < lanes; ++k) open[k] = std::min(end_, failed[k]);
  if (t_.trigger == Cover::on_losses) return add_losses(block, undisturbed, weight, table, open);
  if (undisturbed && t_.trigger == Cover::on_default) return;
  Column step, claimed;
  find(block, step, claimed);
  for (std::size_t k = 0; k < lanes; ++k) {
    if (!(step[k] <= open[k])) continue;
    open[k] = step[k];
    table[static_cast<std::size_t>(step[k]) * lanes + k] += weight * claimed[k];
  }
}

void Claims::find(const Block& block, Column& step, Column& claimed) const noexcept {
  if (t_.trigger == Cover::on_default) {
    find_defaults(block, obligor_, step, claimed);
    for (std::size_t k = 0; k < lanes; ++k) {
      const bool none_due = !(step[k] <= end_);
      step[k] = none_due ? never : step[k];
      claimed[k] = none_due ? 0 : claimed_at_default(claimed[k]);
    }
    return;
  }
  const double per_price = t_.payout == Cover::fixed ? 0 : t_.insured / t_.reference_price;
  // In columns of its own, which share no memory with prices.
  alignas(64) Column first, seen{};
  first.fill(never);
  const double trigger_price = t_.trigger_price;
  for (int n = 1; n <= last_; ++n) {
    const double* price = block.factors(t_.factor, n).data();
    const double now = n;
    for (std::size_t k = 0; k < lanes; ++k) {
      const bool due = (first[k] == never) & (price[k] <= trigger_price);
      first[k] = due ? now : first[k];
      seen[k] = due ? price[k] : seen[k];
    }
  }
  for (std::size_t k = 0; k < lanes; ++k)
    seen[k] = first[k] == never ? 0 : payout(std::max(t_.insured - per_price * seen[k], 0.0));
  step = first, claimed = seen;
}

void Claims::add_losses(const Block& block, bool undisturbed, double weight, double* table, Column& open) const noexcept {
  Column largest{}, claimed{};
  for (int n = 1; n <= last_; ++n) {
    const double* worth = block.factors(row_of(t_.pool, pool_value), n).data();
    const double* lost = block.factors(row_of(t_.pool, pool_credit_loss), n).data();
    double* to = table + static_cast<std::size_t>(n) * lanes;
    for (std::size_t k = 0; k < lanes; ++k) {
      const double loss = (t_.measure == Cover::credit ? lost[k] : pool_today_ - worth[k]) - (undisturbed ? lost[k] : 0);
      largest[k] = std::max(largest[k], n <= open[k] ? loss : 0);
      const double in_all = payout(largest[k]);
      to[k] += weight * (in_all - claimed[k]);
      claimed[k] = in_all;
      open[k] = largest[k] - t_.deductible >= t_.limit ? std::min<double>(n, open[k]) : open[k];
    }
  }
}

std::unique_ptr<PricePath> provider_capital(std::vector<SharedCover> covers, const FactorModel& market) {
  return std::make_unique<Capital>(std::move(covers), market);
}

}  // namespace tailcube
