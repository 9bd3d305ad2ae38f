#include "src/cube/estimators.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "src/cube/cube.h"
#include "src/cube/weighted.h"
#include "src/model/no_number.h"

namespace tailcube {
namespace {

Wide times(Wide a, Wide b) {
  Wide product;
  if (__builtin_mul_overflow(a, b, &product))
    throw std::overflow_error("a confidence with so many decimals leaves the range of exact arithmetic");
  return product;
}

Wide floor_divide(Wide a, Wide b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }  // b > 0

// Sum of (x - mean)^2, centred by the integer q next to the mean: sum x^2 - 2 q sum x + n q^2 is exact modulo 2^128 and
// fits, so that nothing is lost when the deviation is small beside the mean.
double centred_squares(std::int64_t n, Wide sum, Wide sum_of_squares) {
  const Wide q = floor_divide(sum + n / 2, n);
  const auto modular = [](Wide x) { return static_cast<UnsignedWide>(x); };
  const UnsignedWide squares =
      modular(sum_of_squares) - 2 * modular(q) * modular(sum) + modular(n) * modular(q) * modular(q);
  const double rest = real(sum - q * n);
  return std::max(0.0, static_cast<double>(squares) - rest * rest / static_cast<double>(n));
}

}  // namespace

MomentEstimate estimate_moments(const Moments& m) {
  if (m.count == 0) return {no_number, no_number, no_number, no_number, no_number};
  const auto n = static_cast<double>(m.count);
  const bool plain = m.weight == Wide{m.count} * unit_weight && m.weight_squared == m.weight;
  if (!plain) return weighted_moments(m);
  const Wide sum = m.sum >> sum_fraction_bits;
  const double squares = centred_squares(m.count, sum, m.sum_of_squares);
  const double p = static_cast<double>(m.positive) / n;
  const double deviation = m.count > 1 ? std::sqrt(squares / (n - 1)) : no_number;
  return {real(sum) / n, deviation / std::sqrt(n), deviation, p, m.count > 1 ? std::sqrt(p * (1 - p) / n) : no_number};
}

TailView::TailView(std::int64_t n, const Tail::Worst& worst, std::vector<Histogram::Bin> bins, int bits)
    : n_(n), worst_(worst), bits_(bits), bins_(std::move(bins)), above_(bins_.size()), sum_above_(bins_.size()) {
  for (std::size_t i = bins_.size(); i-- > 1;) {
    above_[i - 1] = above_[i] + bins_[i].count;
    sum_above_[i - 1] = sum_above_[i] + bins_[i].sum;
  }
}

Units TailView::exact(std::int64_t rank) const {
  const auto at = static_cast<std::size_t>(n_ - rank);
  return at < worst_.size() ? worst_.loss[at] : worst_.loss.back();
}

std::size_t TailView::bin_of(std::int64_t rank) const {
  // The highest bin with fewer than n - rank + 1 scenarios above it but enough with its own.
  const auto at = std::partition_point(above_.begin(), above_.end(), [&](std::int64_t above) { return above > n_ - rank; });
  if (at == above_.end())
    throw std::runtime_error("the loss of rank " + std::to_string(rank) + " of " + std::to_string(n_) + " lies below the " +
                             std::to_string(worst_.depth()) + " worst, which is all that was kept");
  return static_cast<std::size_t>(at - above_.begin());
}

Bracket TailView::order_statistic(std::int64_t rank) const {
  if (is_exact(rank)) {
    const auto x = static_cast<double>(exact(rank));
    return {x, x};
  }
  const std::size_t i = bin_of(rank);
  const Histogram::Bin& bin = bins_[i];
  // The r-th smallest of c losses in [L, U] with sum S: the c - r above it are at most U, the r - 1 below at least L.
  const Wide c = bin.count, r = c - (n_ - rank - above_[i]), low_edge = low(i), high_edge = high(i);
  const Wide lower = std::max(low_edge, -floor_divide(-(bin.sum - (c - r) * high_edge), r));
  const Wide upper = std::min(high_edge, floor_divide(bin.sum - (r - 1) * low_edge, c - r + 1));
  return {real(lower), real(upper)};
}

TailView::Shortfall TailView::expected_shortfall(Confidence alpha) const {
  const std::int64_t k = quantile_rank(n_, alpha);
  return is_exact(k) ? exact_shortfall(alpha, k) : binned_shortfall(alpha, k);
}

TailView::Shortfall TailView::exact_shortfall(Confidence alpha, std::int64_t k) const {
  const Units var = exact(k);
  Wide excess = 0;
  UnsignedWide squares = 0;  // of the excess over VaR; scenarios that repeat the last listed loss have none
  const std::size_t beyond = std::min(static_cast<std::size_t>(n_ - k), worst_.size());
  for (const Units x : worst_.loss.first(beyond)) {
    const auto e = static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(var);
    excess += e;
    squares += UnsignedWide{e} * e;
  }
  // [sum_{i>k} x_(i) + x_(k) (k - n alpha)] / (n (1-alpha)) as a quotient of integers.
  const Wide need = times(n_, alpha.denominator - alpha.numerator);
  const double m = real(need) / static_cast<double>(alpha.denominator);  // n (1 - alpha)
  const double es = real(times(excess, alpha.denominator) + times(var, need)) / real(need);
  const double shift = real(times(excess, alpha.denominator)) / real(need);  // ES - VaR
  // Var(L | tail) + alpha (ES-VaR)^2 = E[(L-VaR)^2 | tail] - (1-alpha) (ES-VaR)^2.
  const double variance = static_cast<double>(squares) / m - m / static_cast<double>(n_) * shift * shift;
  return {{es, es}, std::sqrt(std::max(0.0, variance) / m)};
}

TailView::Shortfall TailView::binned_shortfall(Confidence alpha, std::int64_t k) const {
  const std::size_t i = bin_of(k);
  const Histogram::Bin& bin = bins_[i];
  const Wide need = times(n_, alpha.denominator - alpha.numerator);
  const double m = real(need) / static_cast<double>(alpha.denominator);
  // t of the c losses of VaR's bin belong to the tail: they are its largest, hence at least t/c of its sum and at most tU.
  const Wide part = need - times(above_[i], alpha.denominator);  // t times the denominator
  const double t = real(part) / static_cast<double>(alpha.denominator), c = static_cast<double>(bin.count);
  const double width = real(Wide{high(i)} - low(i)), over = real(bin.sum - Wide{bin.count} * low(i));
  const double base = real(times(sum_above_[i], alpha.denominator) + times(low(i), part)) / real(need);
  Bracket es = {base + t * (over / c) / m, base + std::min(t * width, over) / m};
  const double slack = 0x1p-50 * std::max(std::fabs(es.lower), std::fabs(es.upper));  // the rounding of these lines
  if (width > 0) es = {es.lower - slack, es.upper + slack};
  // The largest second moment about ES that bins with these counts and sums can have: all losses at the edges.
  const double centre = es.middle();
  double squares =
      t * std::max(std::pow(static_cast<double>(low(i)) - centre, 2), std::pow(static_cast<double>(high(i)) - centre, 2));
  for (std::size_t b = i + 1; b < bins_.size(); ++b) {
    const auto count = static_cast<double>(bins_[b].count);
    const double lower = static_cast<double>(low(b)) - centre, upper = static_cast<double>(high(b)) - centre;
    squares += (lower + upper) * (real(bins_[b].sum) - count * centre) - count * lower * upper;
  }
  const double shift = es.upper - order_statistic(k).lower;
  return {es, std::sqrt((squares / m + alpha.value() * shift * shift) / m)};
}

TailEstimate estimate_tail(const TailView& view, Confidence alpha, RankInterval ranks) {
  if (!view.worst().weight.empty()) return weighted_tail(view.worst(), view.scenarios(), alpha);
  const std::int64_t n = view.scenarios(), k = quantile_rank(n, alpha);
  const Bracket var = view.order_statistic(k);
  TailEstimate e{var.middle(), no_number, no_number, no_number, no_number, no_number, no_number, 0};
  if (ranks.lower > 0) e.value_at_risk_lower = view.order_statistic(ranks.lower).lower;
  if (ranks.upper > 0) e.value_at_risk_upper = view.order_statistic(ranks.upper).upper;
  int flag = var.lower < var.upper ? var_is_bracket : 0;
  if (ranks.lower == 0 || ranks.upper == 0) flag |= var_interval_missing;
  const TailView::Shortfall es = view.expected_shortfall(alpha);
  e.expected_shortfall = es.value.middle();
  if (n - k < 2) {
    flag |= es_interval_missing;
  } else if (es.standard_error > 0) {
    e.expected_shortfall_se = es.standard_error;
    e.expected_shortfall_lower = es.value.lower - normal_975 * es.standard_error;
    e.expected_shortfall_upper = es.value.upper + normal_975 * es.standard_error;
  } else {
    // The sample holds nothing worse than VaR, so it cannot say how far a rare worse loss would move ES; ES >= VaR does
    // hold.
    flag |= es_tail_is_tied;
    e.expected_shortfall_lower = e.value_at_risk_lower;
  }
  if (n - k < 100) flag |= few_tail_scenarios;
  e.flag = static_cast<std::int8_t>(flag);
  return e;
}

}  // namespace tailcube
