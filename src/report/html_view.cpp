#include "src/report/html_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace tailcube::html {
namespace {

constexpr int economic = 0;
constexpr double normal_95 = 1.959963984540054;
// What all nodes of the detailed cells may take of the page, in bytes, and a number with its comma.
constexpr double node_budget = 380e3, number_bytes = 6.5;
constexpr std::size_t top_nodes = 12;

double largest_amount(const Cube& cube) {
  double largest = 0;
  for (const auto* amounts : {&cube.base_value, &cube.expected_shortfall, &cube.value_at_risk})
    for (const double amount : *amounts)
      if (std::isfinite(amount)) largest = std::max(largest, std::abs(amount));
  return largest;
}

int ranking_level(const Cube& cube) {
  int best = 0;
  for (std::size_t k = 0; k < cube.confidence.size(); ++k)
    if (cube.confidence[k].value() <= 0.99) best = static_cast<int>(k);
  return best;
}

}  // namespace

double Estimate::error() const { return std::max(upper - value, value - lower); }

View::View(const Cube& c, const ReportOrigin& o)
    : cube(c),
      origin(o),
      money(money_scale(largest_amount(c), c.currency)),
      horizon(static_cast<int>(c.horizon_years.size()) - 1),
      level(ranking_level(c)) {
  std::vector<int> order(cube.cells.size());
  std::iota(order.begin(), order.end(), 0);
  const auto total = [&](int cell) {
    const double value = shortfall(cell, 0, horizon, level).value;
    return std::isnan(value) ? -HUGE_VAL : value;
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return total(a) > total(b); });
  worst = order.front();
  std::stable_partition(order.begin(), order.end(), [](int cell) { return cell == 0; });
  const double bytes = number_bytes * nodes() * horizons() * (2 + 4 * levels());
  const auto fit = static_cast<std::size_t>(std::max(1.0, node_budget / bytes));
  detailed.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min(fit, order.size())));
  std::sort(detailed.begin(), detailed.end());
  for (int n = 0; n < nodes(); ++n)
    if (depth(n) <= 1 && top.size() < top_nodes) top.push_back(n);
}

Estimate View::expected(int cell, int node, int h, int quantity) const {
  const std::size_t at = cube.at(quantity, cell, node, h);
  const double value = cube.expected_loss[at], half = normal_95 * cube.expected_loss_se[at];
  return {value, value - half, value + half};
}

Estimate View::var(int cell, int node, int h, int k) const {
  const std::size_t at = cube.at(economic, cell, node, h, k);
  return {cube.value_at_risk[at], cube.value_at_risk_lower[at], cube.value_at_risk_upper[at], cube.estimate_flag[at]};
}

Estimate View::shortfall(int cell, int node, int h, int k, int quantity) const {
  const std::size_t at = cube.at(quantity, cell, node, h, k);
  return {cube.expected_shortfall[at], cube.expected_shortfall_lower[at], cube.expected_shortfall_upper[at],
          cube.estimate_flag[at]};
}

double View::shortfall_se(int cell, int node, int h, int k) const {
  const double se = cube.expected_shortfall_se[cube.at(economic, cell, node, h, k)] / money.divisor;
  return std::isfinite(se) ? std::strtod(significant(se, 4).c_str(), nullptr) : se;
}

double View::relative_error(int cell, int h, int k) const {
  const double value = shown(shortfall(cell, 0, h, k).value), se = shortfall_se(cell, 0, h, k);
  return value > 0 && std::isfinite(se) ? se / value : std::nan("");
}

std::string View::gauge(int gauge, int cell) const {
  const std::size_t at = cube.at(gauge, cell, 0, horizon);
  const double mean = cube.gauge_mean[at], half = normal_95 * cube.gauge_se[at];
  if (cube.gauge_units[static_cast<std::size_t>(gauge)] != "1") return amount({mean, mean - half, mean + half});
  if (std::isnan(mean)) return "n/a";
  // As many decimals as its error makes sense of.
  const int decimals = half > 0 ? std::clamp(1 - static_cast<int>(std::floor(std::log10(half))), 0, 6) : 0;
  return grouped(mean, decimals) + " <span class=\"error\">±" + (std::isnan(half) ? "?" : grouped(half, decimals)) +
         "</span>";
}

std::string View::scenarios_for(double relative_error) const {
  if (std::isnan(relative_error)) return "n/a";
  if (relative_error <= 0.01) return "reached";
  const double needed = static_cast<double>(cube.scenarios) * std::pow(relative_error / 0.01, 2);
  return grouped(std::strtod(significant(needed, 2).c_str(), nullptr));
}

double View::largest_share(int k) const {
  double largest = 0;
  for (const int cell : detailed)
    for (int n = 0; n < nodes(); ++n)
      for (int h = 0; h < horizons(); ++h) {
        const double share = shown(shortfall(cell, n, h, k).value) / shown(cube.base_value[static_cast<std::size_t>(n)]);
        if (std::isfinite(share)) largest = std::max(largest, share);
      }
  return largest;
}

std::string View::number(double amount) const {
  if (!std::isfinite(amount)) return "null";
  std::string text = grouped(amount / money.divisor, money.decimals);
  std::erase(text, ',');
  return text;
}

double View::shown(double amount) const {
  return std::isfinite(amount) ? std::strtod(number(amount).c_str(), nullptr) : amount;
}

std::string View::amount(const Estimate& e) const {
  if (std::isnan(e.value)) return "n/a";
  const bool missing = std::isnan(e.lower) || std::isnan(e.upper);
  std::string text = money(e.value) + " <span class=\"error\">±" + (missing ? "?" : money(e.error()));
  if (e.flag & var_is_bracket) text += "*";
  if (e.flag & few_tail_scenarios) text += "!";
  return text + "</span>";
}

std::string View::share(double loss, double base) const {
  const double ratio = shown(loss) / shown(base);
  return std::isfinite(ratio) && shown(base) > 0 ? grouped(100 * ratio, 1) + " %" : "";
}

std::string View::heat(double share, double largest) {
  if (!std::isfinite(share) || !(largest > 0)) return {};
  return "h" + std::to_string(std::clamp(static_cast<int>(std::floor(9 * share / largest)), 0, 8));
}

std::string View::level_text(int k) const { return percent(cube.confidence[static_cast<std::size_t>(k)].value()); }
std::string View::horizon_name(int h) const { return horizon_text(cube.horizon_years[static_cast<std::size_t>(h)]); }

std::string View::node_name(int n) const {
  const std::string& path = cube.nodes[static_cast<std::size_t>(n)];
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

int View::depth(int n) const {
  const std::string& path = cube.nodes[static_cast<std::size_t>(n)];
  return static_cast<int>(std::count(path.begin(), path.end(), '/'));
}

}  // namespace tailcube::html
