#pragma once
// What `plan` prints: the same list of named quantities for people and as JSON.
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "src/engine/forecast.h"

namespace tailcube {

struct PlanReport {
  const Job& job;
  const CompiledBook& book;
  const Plan& plan;
  Layout layout;
  std::size_t start_bytes = 0;  // of memory, to read and compile the job
  double watts_per_core = 0;
  const Calibration* calibration = nullptr;  // null: nothing was timed, and no time is given
  std::vector<std::string> notes;            // one sentence each
};

struct PlannedQuantity {
  // Where it comes from: counted exactly; a bound that cannot be exceeded (low is 0); measured on this machine, or computed
  // from what was; suggested by a rule.
  enum class Basis { counted, bound, measured, suggested };
  std::string section, name;  // name: unique, as in JSON: cpu_time
  Estimate amount;            // low and high equal value where it has no spread
  std::string unit;           // byte, second, microsecond, kWh, 1
  Basis basis;
  std::string note;  // for people, may be empty
};
std::vector<PlannedQuantity> plan_quantities(const PlanReport&);

void write_plan(std::ostream&, const PlanReport&);
std::string plan_json(const PlanReport&);

}  // namespace tailcube
