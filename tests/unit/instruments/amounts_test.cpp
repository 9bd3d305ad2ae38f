#include "kernels/instruments/amounts.h"

#include <cmath>
#include <vector>

#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/smooth_amounts.h"
#include "kernels/math/functions.h"
#include "tests/catch_any.h"

using namespace tailcube;

namespace {

std::vector<double> amounts(const Repayment& r) {
  std::vector<double> out;
  for (const Flow& f : repayments(r, {0.0, 1.0 / 12})) out.push_back(f.amount);
  return out;
}

}  // namespace

TEST_CASE("repayments follow a rule of four numbers", "[amounts]") {
  for (const Amortisation form : {Amortisation::bullet, Amortisation::annuity, Amortisation::linear})
    for (const double maturity : {0.05, 0.25, 0.4, 0.5, 0.75, 1.0, 7.3, 30.0})
      for (const double principal : {1e5, -3.0}) {
        INFO("form " << static_cast<int>(form) << ", maturity " << maturity << ", principal " << principal);
        const std::vector<double> a = amounts({principal, 0.07, 4, maturity, form});
        const auto rule = amount_rule(a);
        REQUIRE(rule);
        CHECK((rule->slope != 0) == (form == Amortisation::linear && a.size() > 3));
        for (std::size_t k = 0; k < a.size(); ++k) CHECK(rule->amount(k, a.size()) == Approx(a[k]).epsilon(1e-14));
        for (std::size_t begin = 0; begin < a.size(); ++begin) {
          double sum = 0;
          for (std::size_t end = begin; end <= a.size(); ++end) {
            CHECK(rule->sum(begin, end, a.size()) == Approx(sum).epsilon(1e-13));
            if (end < a.size()) sum += a[end];
          }
        }
      }
}

TEST_CASE("amounts without a rule have none", "[amounts]") {
  CHECK_FALSE(amount_rule(std::vector<double>{1, 2, 4, 8, 16}));
  CHECK_FALSE(amount_rule(std::vector<double>{5, 5, 5 + 1e-11, 5, 105}));
  CHECK(amount_rule(std::vector<double>{3, 5, 5, 5, 105}));
}

// Any maturity along the dates of the longest, with and without prepayment, discounted at a spread of its own or not.
TEST_CASE("repayments follow a polynomial, the first and the last apart", "[amounts]") {
  SmoothFit fit(240);
  for (const Amortisation form : {Amortisation::bullet, Amortisation::annuity, Amortisation::linear, Amortisation::pik})
    for (const std::size_t months : {1u, 2u, 3u, 4u, 7u, 13u, 60u, 180u})
      for (const double rate : {0.0, 0.05, 0.12})
        for (const double spread : {0.0, 0.03})
          for (const double cpr : {0.0, 0.08}) {
            INFO("form " << static_cast<int>(form) << ", " << months << " months, rate " << rate << ", spread " << spread
                         << ", prepayment " << cpr);
            std::vector<double> a;
            for (const Flow& f : repayments({1e5, rate, 12, static_cast<double>(months) / 12, form, cpr}, {0.0, 1.0 / 12}))
              a.push_back(f.amount * std::exp(-spread * f.date_years));
            REQUIRE(a.size() == months);
            const auto found = fit(a, 1e5);
            REQUIRE(found);
            for (std::size_t k = 0; k < months; ++k) {
              double amount = k + 1 == months ? found->coefficient[SmoothAmounts::last] : 0;
              for (std::size_t t = 0; t < SmoothAmounts::terms; ++t) amount += found->coefficient[t] * fit.basis(k)[t];
              CHECK(std::abs(amount - a[k]) < 2e-10);
            }
          }
}

TEST_CASE("amounts that jump follow no polynomial", "[amounts]") {
  SmoothFit fit(60);
  std::vector<double> a(40, 5.0);
  CHECK(fit(a, 1e3));
  a[17] = 5 + 1e-11;
  CHECK_FALSE(fit(a, 1e3));
}

TEST_CASE("sums along dates are the same on every CPU", "[amounts]") {
  constexpr std::size_t dates = 30, valued = 3, terms = SmoothAmounts::terms;
  const SmoothFit fit(dates);
  std::vector<double> discounts(2 * dates * valued * lanes), basis;
  for (std::size_t i = 0; i < discounts.size(); ++i) discounts[i] = 1 / (1 + static_cast<double>(i % 9973));
  std::vector<std::uint32_t> date;
  for (std::size_t k = 0; k < dates; ++k) {
    date.push_back(static_cast<std::uint32_t>(2 * k + 1));
    const auto of_date = fit.basis(k);
    basis.insert(basis.end(), of_date.begin(), of_date.end());
  }
  const auto sums = [&] {
    std::vector<double> out(lanes * valued * terms);
    const std::size_t half = dates / 2;
    add_dates(discounts.data(), std::span(date).first(half), basis.data(), valued, out.data());
    add_dates(discounts.data(), std::span(date).subspan(half), basis.data() + half * terms, valued, out.data());
    return out;
  };
  const std::vector<double> wide = sums();
  REQUIRE(limit_simd("avx2"));
  CHECK(sums() == wide);
  limit_simd("avx512");
  for (std::size_t lane = 0; lane < lanes; ++lane)
    for (std::size_t v = 0; v < valued; ++v) {
      const auto factor = [&](std::size_t k) { return discounts[(date[k] * valued + v) * lanes + lane]; };
      for (std::size_t t = 0; t < terms; ++t) {
        double sum = 0;
        for (std::size_t k = 0; k < dates; ++k) sum = std::fma(basis[k * terms + t], factor(k), sum);
        CHECK(wide[(lane * valued + v) * terms + t] == (t == SmoothAmounts::last ? factor(dates - 1) : sum));
      }
    }
}
