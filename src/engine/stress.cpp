// A job's stress cells, compiled: starting values, pins, moved innovations, overlays.
#include "src/engine/stress.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "src/engine/engine.h"

namespace tailcube {
namespace {

constexpr int to_the_end = std::numeric_limits<int>::max();

double apply(Operation operation, double value, double amount) {
  switch (operation) {
    case Operation::add:
      return value + amount;
    case Operation::multiply:
      return value * amount;
    case Operation::set:
      return amount;
  }
  return value;
}
std::string describe(const ShockSpec& shock) {
  static constexpr const char* names[] = {"add", "multiply", "set"};
  std::ostringstream text;
  text << names[static_cast<std::size_t>(shock.operation)] << " = " << shock.amount;
  return text.str();
}

class CellCompiler {
 public:
  CellCompiler(const Job& job, const CellSpec& spec, std::vector<std::string>& messages)
      : job_(job), spec_(spec), messages_(messages), cell_(unshocked_cell(job)) {}

  CellShocks operator()() {
    const std::size_t before = messages_.size();
    cell_.propagate = spec_.propagate;
    for (const ShockSpec& shock : spec_.shocks) add(shock);
    add_path();
    if (messages_.size() > before) return std::move(cell_);
    for (const DriverShock& d : cell_.driver_shocks) shifted_ |= !d.set;
    check_prices();
    compile_propagation(job_, "cell \"" + spec_.name + "\": ", cell_, messages_);
    if (shifted_ || !cell_.value_shocks.empty())
      cell_.distance = cell_.distance_tail = std::numeric_limits<double>::quiet_NaN();
    touch();
    return std::move(cell_);
  }

 private:
  const Factor& factor(FactorIndex f) const { return job_.market.factors[static_cast<std::size_t>(f)]; }
  bool is_price(FactorIndex f) const {
    return factor(f).process == Process::lognormal || factor(f).process == Process::log_ou;
  }
  std::string where(FactorIndex f) const {
    return "cell \"" + spec_.name + "\": " + job_.factor_ids[static_cast<std::size_t>(f)] + ": ";
  }

  void add(const ShockSpec& shock) {
    if (factor(shock.factor).process == Process::driver) return add_driver(shock);
    if (shock.initial) return add_initial(shock);
    if (shock.from > job_.steps) {
      messages_.push_back(where(shock.factor) + "from = " + std::to_string(shock.from) + " is after the last step " +
                          std::to_string(job_.steps));
      return;
    }
    cell_.value_shocks.push_back({shock.factor, shock.operation, shock.from, std::min(shock.to, job_.steps), shock.amount});
    if (shock.from == 0) cell_.monitor_today = true;
  }
  void add_initial(const ShockSpec& shock) {
    double& value = cell_.initial[static_cast<std::size_t>(shock.factor)];
    value = apply(shock.operation, value, shock.amount);
    if (is_price(shock.factor) && !(value > 0)) complain(shock, 0, value);
    cell_.monitor_today = shifted_ = true;
  }
  // Several shocks of one driver act in the order written, like overlays: a later `set` forgets what came before.
  void add_driver(const ShockSpec& shock) {
    if (shock.operation == Operation::multiply || shock.from != 0 || shock.to != to_the_end || shock.initial) {
      messages_.push_back(where(shock.factor) +
                          "a driver takes set or add over all steps, not multiply, from, to or on = \"initial\"");
      return;
    }
    auto& shocks = cell_.driver_shocks;
    auto at = std::find_if(shocks.begin(), shocks.end(), [&](const DriverShock& d) { return d.driver == shock.factor; });
    if (at == shocks.end()) at = shocks.insert(at, {shock.factor, false, 0});
    if (shock.operation == Operation::set)
      *at = {shock.factor, true, shock.amount};
    else
      at->amount += shock.amount;
  }
  void add_path() {
    if (!spec_.path) return;
    for (std::size_t c = 0; c < spec_.path->factors.size(); ++c) {
      const FactorIndex f = spec_.path->factors[c];
      const double start = factor(f).process == Process::driver ? 0 : cell_.initial[static_cast<std::size_t>(f)];
      auto pin = compile_pin(job_, *spec_.path, c, start, where(f), messages_);
      if (!pin) continue;
      for (const DriverShock& d : cell_.driver_shocks)
        if (d.driver == f) messages_.push_back(where(f) + "a driver can be on the path or shocked, not both");
      cell_.pins.push_back(std::move(*pin));
    }
  }

  // Today's value, or the path's, under the overlays in their order; a scenario's own value decides only what adding does.
  void check_prices() {
    for (std::size_t f = 0; f < cell_.initial.size(); ++f) {
      if (!is_price(FactorIndex{static_cast<std::uint32_t>(f)})) continue;
      const Pin* pin = pin_of(f);
      for (int n = 0; n <= job_.steps; ++n) {
        const bool pinned = pin && n <= pin->last;
        if (!check_price(f, n, pinned ? pin->value[static_cast<std::size_t>(n)] : cell_.initial[f])) break;
      }
    }
  }
  bool check_price(std::size_t f, int step, double value) {
    for (const ShockSpec& shock : spec_.shocks) {
      if (static_cast<std::size_t>(shock.factor) != f || shock.initial || step < shock.from || step > shock.to) continue;
      value = apply(shock.operation, value, shock.amount);
      if (value > 0) continue;
      complain(shock, step, value);
      return false;
    }
    return true;
  }
  void complain(const ShockSpec& shock, int step, double value) {
    std::ostringstream text;
    text << where(shock.factor) << describe(shock) << " makes it " << value << " at step " << step
         << "; a price must stay positive";
    messages_.push_back(text.str());
  }
  const Pin* pin_of(std::size_t f) const {
    for (const Pin& pin : cell_.pins)
      if (static_cast<std::size_t>(pin.factor) == f) return &pin;
    return nullptr;
  }

  void touch() {
    const std::size_t factors = cell_.initial.size();
    const auto set = [&](std::size_t f, int bits) { cell_.touched[f] = static_cast<std::uint8_t>(cell_.touched[f] | bits); };
    const auto moved = [&](const std::vector<double>& beta, std::size_t f) {
      const std::size_t width = beta.size() / factors;
      const auto row = beta.begin() + static_cast<std::ptrdiff_t>(f * width);
      return std::any_of(row, row + static_cast<std::ptrdiff_t>(width), [](double b) { return b != 0; });
    };
    for (std::size_t f = 0; f < factors; ++f) {
      const bool innovations =
          std::any_of(cell_.pin_beta.begin(), cell_.pin_beta.end(), [&](const auto& b) { return moved(b, f); }) ||
          std::any_of(cell_.driver_beta.begin(), cell_.driver_beta.end(), [&](const auto& b) { return moved(b, f); });
      if (innovations) set(f, touch_innovations | touch_dynamics);
      if (pin_of(f) || cell_.initial[f] != job_.market.factors[f].initial) set(f, touch_dynamics);
    }
    for (const Shock& shock : cell_.value_shocks) set(static_cast<std::size_t>(shock.factor), touch_overlay);
  }

  const Job& job_;
  const CellSpec& spec_;
  std::vector<std::string>& messages_;
  CellShocks cell_;
  bool shifted_ = false;  // by something that pins nothing: a starting value, an added driver
};

}  // namespace

CellShocks unshocked_cell(const Job& job) {
  CellShocks cell;
  for (const Factor& f : job.market.factors) cell.initial.push_back(f.initial);
  cell.touched.assign(job.market.factors.size(), 0);
  return cell;
}

std::vector<CellShocks> compile_cells(const Job& job) {
  std::vector<CellShocks> cells;
  std::vector<std::string> messages;
  for (const CellSpec& spec : job.cells) cells.push_back(CellCompiler(job, spec, messages)());
  if (!messages.empty()) throw InvalidJob(std::move(messages));
  return cells;
}

}  // namespace tailcube
