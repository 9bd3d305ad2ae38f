#include "kernels/instruments/amounts.h"

#include <vector>

#include "kernels/instruments/cash_flows.h"
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
