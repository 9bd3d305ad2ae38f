// What everybody owes by ladders, and corrections for those who default.
#include <cmath>

#include "kernels/instruments/corrections.h"
#include "kernels/instruments/published_claims.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// Compiles claims to lines; what it learns about today and about bounds goes into the batch.
class Compiler {
 public:
  Compiler(Batch& batch, const Wiring& wiring, CompiledClaims& claims)
      : batch_(batch), wiring_(wiring), market_(*wiring.market), claims_(claims) {}

  // A par spread that does not exist is NaN.
  CashFlowLine operator()(const Claim& claim, FactorIndex currency, std::uint32_t row) {
    CashFlowLine line{row,
                      claims_.schedules.add(claim, wiring_),
                      currency,
                      0,
                      claim.principal,
                      claim.interest,
                      claims_.folded.size(),
                      claims_.early.size(),
                      static_cast<std::uint32_t>(claim.capitalised),
                      claim.floating,
                      claim.running,
                      claim.undrawn,
                      claim.fee,
                      claim.conversion,
                      {}};
    const std::vector<double> coupons = floating_today(claim);
    const std::vector<Discounted> today = discounted_today(claim, coupons);
    if (is_none(claim.spread.factor))
      line.spread = !claim.spread.blank    ? claim.spread.number
                    : claim.principal == 0 ? 0
                                           : solve_spread(today, claim.principal);
    const bool solved = line.spread == line.spread;
    double worth = 0, gross = largest_draw(claim);
    amounts_.clear();
    for (std::size_t k = 0; k < claim.flows.size(); ++k) {
      const Flow& f = claim.flows[k];
      const double fold = solved ? exp(-line.spread * f.date_years) : 0;
      claims_.folded.push_back(f.amount * fold);
      if (f.date_years <= wiring_.time_years.back()) claims_.early.push_back({f.amount, f.balance, f.undrawn});
      worth += today[k].amount * fold;
      gross += std::abs(f.amount) + (k == 0 ? 0 : largest_coupon(claim, f.date_years - claim.flows[k - 1].date_years));
      amounts_.push_back(f.amount);
    }
    line.rule = amount_rule(amounts_);
    if (!solved) worth = claim.principal;  // what it was to be worth; it fails in every scenario
    batch_.value_today[row] += worth * exchange_today(market_, currency);
    batch_.gross[row] += gross * largest_discount(claim, solved ? line.spread : 0) *
                         exchange_bound(market_, currency, wiring_.time_years.back());
    batch_.reads.push_back(claim.spread.factor);
    batch_.reads.push_back(currency);
    batch_.reads_curves.push_back(claim.curve);
    return line;
  }

 private:
  // Floating coupons by date, projected from today's curve; empty: none.
  std::vector<double> floating_today(const Claim& claim) const {
    std::vector<double> out;
    const auto growth = [&](const Flow& f) { return zero_rate_today(market_, claim.curve, f.date_years) * f.date_years; };
    if (claim.floating != 0) out.push_back(0);
    for (std::size_t k = 1; claim.floating != 0 && k < claim.flows.size(); ++k)
      out.push_back(claim.floating * expm1(growth(claim.flows[k]) - growth(claim.flows[k - 1])));
    return out;
  }
  // Bound on a floating coupon, as if zero rates were flat at the bounds of the curve's pillars.
  double largest_coupon(const Claim& claim, double years) const {
    if (claim.floating == 0) return 0;
    double largest = 0;
    for (const Pillar& p : market_.curves[static_cast<std::size_t>(claim.curve)]) {
      const Bounds rate = bounds(market_, p.zero_rate, wiring_.time_years.back());
      largest = std::max({largest, std::abs(rate.lower), std::abs(rate.upper)});
    }
    return std::abs(claim.floating) * expm1(std::min(largest * years, 600.0));
  }
  // At the curve and, where the spread is a factor, at its value of today.
  std::vector<Discounted> discounted_today(const Claim& claim, const std::vector<double>& coupons) const {
    const double spread = is_none(claim.spread.factor) ? 0 : exchange_today(market_, claim.spread.factor);
    std::vector<Discounted> out;
    for (std::size_t k = 0; k < claim.flows.size(); ++k) {
      const Flow& f = claim.flows[k];
      const double rate = zero_rate_today(market_, claim.curve, f.date_years) + spread;
      const double amount = coupons.empty() ? f.amount : f.amount + coupons[k];
      out.push_back({f.date_years, amount * exp(-rate * f.date_years)});
    }
    return out;
  }
  // Negative rates make money due later worth more than itself. Late rates may be low but have little time left to act:
  // bounded apart, the two would ask for a rounding unit above the book's worth.
  double largest_discount(const Claim& claim, double spread) {
    const std::vector<Lowest>& rates = lowest_rates(claim.curve, claim.spread.factor);
    double exponent = 0;
    for (const auto& [time_years, rate] : rates)
      exponent = std::max(exponent, -(rate + spread) * std::max(0.0, claim.flows.back().date_years - time_years));
    return 2 * exp(std::min(exponent, 600.0));
  }
  // Bounds of zero rate plus spread factor, today and at each valued step.
  struct Lowest {
    double time_years, rate;
  };
  const std::vector<Lowest>& lowest_rates(CurveIndex curve, FactorIndex spread) {
    const auto [at, fresh] = lowest_.try_emplace({curve, spread});
    if (!fresh) return at->second;
    std::vector<int> steps = wiring_.valued;
    steps.push_back(0);
    for (const int step : steps) {
      const double years = wiring_.time_years[static_cast<std::size_t>(step)];
      double rate = 0;
      for (const Pillar& p : market_.curves[static_cast<std::size_t>(curve)])
        rate = std::min(rate, bounds(market_, p.zero_rate, years).lower);
      at->second.push_back({years, rate + (is_none(spread) ? 0 : bounds(market_, spread, years).lower)});
    }
    return at->second;
  }

  Batch& batch_;
  const Wiring& wiring_;
  const FactorModel& market_;
  CompiledClaims& claims_;
  std::vector<double> amounts_;
  std::map<std::pair<CurveIndex, FactorIndex>, std::vector<Lowest>> lowest_;
};

class CashFlows final : public TellingBatch {
 public:
  CashFlows(const Positions& positions, const std::function<Claim(std::size_t)>& claim_of, const Wiring& wiring,
            std::unique_ptr<Recovery> recovery, std::size_t further_gauges)
      : rows_(wiring, Corrections::gauge_count + further_gauges), recovery_(std::move(recovery)), published_(wiring) {
    CompiledClaims compiled = compile(positions, claim_of, wiring);
    // A position's own ladder has too few dates for what finding its points takes.
    using enum Ladders::Summed;
    ladders_ = Ladders(compiled, wiring, wiring.detail == Detail::leaf ? at_points : by_date);
    cash_ = CashTable(compiled, rows_);
    corrections_.emplace(compiled, rows_, *recovery_, coupons_, positions, wiring);
    bytes_per_thread = corrections_->bytes_per_thread();
    bytes_kept = corrections_->bytes_kept();
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    evaluate(block, ledger, faults, nullptr, nullptr);
  }
  void evaluate_keeping(const Block& block, Ledger& ledger, Faults& faults, Kept& kept) const noexcept override {
    evaluate(block, ledger, faults, &kept, nullptr);
  }
  void evaluate_telling(const Block& block, Ledger& ledger, Faults& faults, Kept* kept,
                        DefaultListener& listener) const noexcept override {
    evaluate(block, ledger, faults, kept, &listener);
  }
  double drawn(std::uint32_t position, const Default& d, const Block& block) const noexcept override {
    return corrections_->drawn(position, d, block);
  }

 private:
  void evaluate(const Block& block, Ledger& ledger, Faults& faults, Kept* kept, DefaultListener* listener) const noexcept {
    rows_.clear(ledger);
    for (const auto& [p, row] : unsolved_)
      if (faults.size() < faults.capacity()) faults.push_back({rows_.row(row), p, 0, Reason::no_convergence});
    corrections_->apply(block, ledger, kept, listener);
    ladders_.add_values(rows_, block, block.discounts.data(), ledger);
    coupons_.add_values(rows_, block, Corrections::memory(ledger), ledger);
    cash_.add(rows_, block, ledger);
    if (!published_.empty() && ledger.published_value.series() > 0) published_.add_values(rows_, block, ledger);
  }

  CompiledClaims compile(const Positions& positions, const std::function<Claim(std::size_t)>& claim_of,
                         const Wiring& wiring) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    CompiledClaims out;
    Compiler compiled(*this, wiring, out);
    out.lines.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const Claim claim = claim_of(p);
      const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
      CashFlowLine line = compiled(claim, positions.currency[p], row);
      if (line.spread != line.spread) unsolved_.emplace_back(static_cast<std::uint32_t>(p), row), line.spread = 0;
      out.lines.push_back(line);
      if (claim.floating != 0) coupons_.add(claim, line, wiring);
      if (!wiring.published_values || !claim.accounting) continue;
      published_today.resize(rows_.count, 0.0);
      published_.add(claim, row, positions.currency[p], overdue_years(positions.obligor[p], wiring),
                     recovery_->wait(static_cast<std::uint32_t>(p)), published_today[row], gross[row]);
    }
    published_.finish(positions.obligor);
    coupons_.finish(wiring);
    reads = distinct(std::move(reads));
    std::sort(reads_curves.begin(), reads_curves.end());
    reads_curves.erase(std::unique(reads_curves.begin(), reads_curves.end()), reads_curves.end());
    reads_defaults =
        std::any_of(positions.obligor.begin(), positions.obligor.end(), [](ObligorIndex o) { return !is_none(o); });
    return out;
  }

  RowSet rows_;
  std::unique_ptr<Recovery> recovery_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> unsolved_;  // positions without a par spread, and their rows
  Ladders ladders_;
  FloatingCoupons coupons_;
  CashTable cash_;
  std::optional<Corrections> corrections_;
  PublishedClaims published_;
};

class UnsecuredRecovery final : public Recovery {
 public:
  UnsecuredRecovery(const Positions& positions, const std::vector<Unsecured>& terms, const Wiring& wiring)
      : valued_(wiring) {
    for (std::size_t p = 0; p < terms.size(); ++p) {
      const Unsecured& t = terms[p];
      Line line{positions.currency[p], parts_.size(), parts_.size(), {0, 0, 1}};
      if (is_none(positions.obligor[p])) {
        line.last = part(t.curve, 0, 1, wiring);
      } else if (t.instalments.empty()) {
        const std::vector<double>& delays = wiring.recovery_delay_years;
        const double delay = delays.empty() ? 0 : delays[static_cast<std::size_t>(positions.obligor[p])];
        line.last = part(t.curve, delay + t.grace_years, 1, wiring);
      } else {
        double before = 0;
        for (const ScheduledShare& s : t.instalments) {
          parts_.push_back(part(t.curve, s.after + t.grace_years, s.share - before, wiring));
          before = s.share;
        }
        line.last = parts_.back();
        parts_.pop_back();
        line.end = parts_.size();
      }
      lines_.push_back(line);
    }
    known_.clear();
  }

  void recover(std::span<const Claimed> claims, const Block& block, double* value, double* cash) const noexcept override {
    const std::size_t valued = valued_.size();
    std::fill_n(value, claims.size() * valued, 0.0), std::fill_n(cash, claims.size() * valued, 0.0);
    for (std::size_t i = 0, end; i < claims.size(); i = end) {
      const Line& line = lines_[claims[i].position];
      for (end = i + 1; end < claims.size() && claims[end].position == claims[i].position;) ++end;
      const auto some = claims.subspan(i, end - i);
      add(line.last, line.currency, some, block, value + i * valued, cash + i * valued);
      for (std::size_t k = line.begin; k < line.end; ++k)
        add(parts_[k], line.currency, some, block, value + i * valued, cash + i * valued);
    }
  }
  bool at_once(std::uint32_t position) const noexcept override { return lines_[position].last.wait == 0; }
  int wait(std::uint32_t position) const noexcept override { return lines_[position].last.wait; }

 private:
  struct Part {
    int wait;                 // steps from default to cash
    std::uint32_t discounts;  // where they begin, by step of default
    double share;
  };
  struct Line {
    FactorIndex currency;
    std::size_t begin, end;  // of parts_: the instalments before the last
    Part last;
  };
  Part part(CurveIndex curve, double years, double share, const Wiring& wiring) {
    const int wait = waiting_steps(wiring, years);
    const auto [discounts, fresh] = known_.try_emplace({curve, wait}, static_cast<std::uint32_t>(discounts_.size()));
    if (fresh) {
      const std::vector<DiscountIndex> waiting = waiting_discounts(wiring, curve, wait);
      discounts_.insert(discounts_.end(), waiting.begin(), waiting.end());
    }
    return {wait, discounts->second, share};
  }
  // Of the claims of one position.
  void add(const Part& part, FactorIndex currency, std::span<const Claimed> claims, const Block& block, double* value,
           double* cash) const noexcept {
    const ValuedSteps::Places places = valued_.places();
    const std::size_t valued = places.size;
    const DiscountIndex* const discounts = discounts_.data() + part.discounts;
    const double* const factors = block.discounts.data();
    const double* const rates = is_none(currency) ? nullptr : exchange(block, currency, 0);
    const double share = part.share;
    const int wait = part.wait;
    for (const auto& [d, claim, position] : claims) {
      const int arrives = d.step + wait;
      const std::size_t lane = d.lane, begin = places.from(d.step), end = places.from(arrives);
      const double amount = (1 - d.loss_given_default) * claim * share;
      const auto rate = [&](int step) {
        return rates == nullptr ? 1.0 : rates[static_cast<std::size_t>(step) * lanes + lane];
      };
      if (begin < end) {
        const double* const factor = factors + static_cast<std::size_t>(discounts[d.step]) * valued * lanes + lane;
        for (std::size_t v = begin; v < end; ++v) value[v] += amount * factor[v * lanes] * rate(valued_.step[v]);
      }
      if (end < valued) cash[end] += amount * rate(arrives);
      value += valued, cash += valued;
    }
  }

  ValuedSteps valued_;
  std::vector<Line> lines_;
  std::vector<Part> parts_;
  std::vector<DiscountIndex> discounts_;
  std::map<std::pair<CurveIndex, int>, std::uint32_t> known_;  // while it compiles
};

}  // namespace

std::unique_ptr<Recovery> unsecured_recovery(const Positions& positions, const std::vector<Unsecured>& of_position,
                                             const Wiring& wiring) {
  return std::make_unique<UnsecuredRecovery>(positions, of_position, wiring);
}

std::unique_ptr<TellingBatch> cash_flow_batch(const Positions& positions, const std::function<Claim(std::size_t)>& claim_of,
                                              const Wiring& wiring, std::unique_ptr<Recovery> recovery,
                                              std::size_t further_gauges) {
  return std::make_unique<CashFlows>(positions, claim_of, wiring, std::move(recovery), further_gauges);
}

CashFlowLine compile_claim(Batch& batch, const Claim& claim, FactorIndex currency, std::uint32_t row, CompiledClaims& claims,
                           const Wiring& wiring) {
  return Compiler(batch, wiring, claims)(claim, currency, row);
}

}  // namespace tailcube
