// A path's rows become a value and an implied innovation at every step.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "kernels/math/functions.h"
#include "src/engine/stress.h"

namespace tailcube {
namespace {

struct Row {
  int step;
  double value;
};

bool is_price(Process p) { return p == Process::lognormal || p == Process::log_ou; }

// Values at steps 0 .. last of the line through rows, geometric for prices; rows start at step 0.
std::vector<double> interpolate(const std::vector<Row>& rows, int last, bool geometric) {
  std::vector<double> out;
  std::size_t next = 1;
  for (int n = 0; n <= last; ++n) {
    while (rows[next].step < n) ++next;
    const Row &a = rows[next - 1], &b = rows[next];
    const double weight = static_cast<double>(n - a.step) / (b.step - a.step);
    if (n == a.step || n == b.step)
      out.push_back(n == a.step ? a.value : b.value);
    else
      out.push_back(geometric ? a.value * exp(weight * log(b.value / a.value)) : a.value + weight * (b.value - a.value));
  }
  return out;
}

}  // namespace

std::optional<Pin> compile_pin(const Job& job, const PathSpec& path, std::size_t column, double start,
                               const std::string& where, std::vector<std::string>& messages) {
  const FactorIndex factor = path.factors[column];
  const Factor& f = job.market.factors[static_cast<std::size_t>(factor)];
  std::vector<Row> rows{{0, start}};
  const std::size_t before = messages.size();
  const auto complain = [&](int step, double value, const std::string& what) {
    std::ostringstream text;
    text << where << "path step " << step << ": " << value << what;
    messages.push_back(text.str());
  };
  for (std::size_t r = 0; r < path.step.size(); ++r) {
    const double value = path.value[r][column];
    if (std::isnan(value)) continue;
    const double today = f.process == Process::driver ? 0.0 : f.initial;
    if (is_price(f.process) && !(value > 0)) complain(path.step[r], value, " is not positive");
    if (path.step[r] > 0)
      rows.push_back({path.step[r], value});
    else if (std::abs(value - today) > 1e-6 * std::max(std::abs(value), std::abs(today))) {
      std::ostringstream text;
      text << " is not today's value " << today << ", where a path starts; leave the row out or correct one of them";
      complain(0, value, text.str());
    }
  }
  if (messages.size() > before || rows.size() == 1 || !(start > 0 || !is_price(f.process))) return std::nullopt;

  Pin pin{factor, std::min(rows.back().step, job.market.steps), {}, {}};
  pin.value = interpolate(rows, pin.last, is_price(f.process));
  pin.innovation.push_back(0);
  for (int n = 1; n <= pin.last; ++n) {
    const auto at = static_cast<std::size_t>(n);
    pin.innovation.push_back(implied_innovation(f, job.market.step_years, n, pin.value[at - 1], pin.value[at]));
  }
  return pin;
}

}  // namespace tailcube
