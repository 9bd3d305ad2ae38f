#pragma once
// Two cubes, figure by figure, with the noise of the simulation taken into account.
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "src/report/figures.h"
#include "src/report/selection.h"

namespace tailcube {

struct CompareRequest {
  Filters filters;                // of what both cubes have
  std::vector<std::string> what;  // figures by name, "value" (today), "contributions"; empty: value, mean, var, es
  double relative = 0;            // of the first cube's figure
  double absolute = 0;            // in the currency, or of a share
  std::optional<double> sigma;    // empty: such that noise alone makes any figure differ with a probability of 5 %
  // Whether scenario s is the same in both: one seed, sampler and number of scenarios.
  bool same_scenarios = false;
};

// What the standard error of a difference b - a is made of.
enum class Errors : std::uint8_t {
  exact,  // none: a value today, or both figures are equal to the last bit
  // From the scenarios that both cubes list in /tail, one by one (paired_error.h). Needs every scenario beyond VaR in both.
  paired,
  independent,  // se^2 = se_a^2 + se_b^2: too much, as a rule, where scenarios are the same
  unknown       // one of the two has no error bar: judged by the tolerances alone
};
const char* to_string(Errors);

struct Difference {
  const Figure* figure;  // null: value today, which has a node only
  Place a;               // in the first cube
  double before, after;
  double se;  // of after - before; NaN: none
  Errors errors;
  double sign = std::numeric_limits<double>::infinity();  // of paired VaR: PairedError::sign
  // In standard errors, no more than its sign is sure of; infinite without noise.
  double multiple() const;
  double difference() const { return after - before; }
};

struct AxisDifference {
  std::string axis;
  std::vector<std::string> only_a, only_b;
};

struct Comparison {
  std::vector<Difference> beyond;  // further apart than tolerances and noise; the largest multiple of its error first
  std::size_t compared = 0, equal = 0, within = 0;             // equal: to the last bit; within: tolerance or noise
  std::size_t paired = 0, independent = 0, without_error = 0;  // of those that are not equal
  double sigma = 0;                                            // standard errors that were allowed for
  std::vector<AxisDifference> axes;                            // those that are not the same
};

class Incomparable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// Throws BadFilter, and Incomparable if the currencies differ or nothing is common.
Comparison compare(const Cube& a, const Cube& b, const CompareRequest&);

}  // namespace tailcube
