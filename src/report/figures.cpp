#include "src/report/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>

#include "src/model/no_number.h"

namespace tailcube {
namespace {

double at_or_nan(const Cube& cube, CubeValues<double> Cube::*member, std::size_t at) {
  return member == nullptr || (cube.*member).empty() ? no_number : (cube.*member)[at];
}

}  // namespace

const std::vector<Figure>& figures() {
  static const std::vector<Figure> all = {
      {"mean", "expected_loss", "expected loss", &Cube::expected_loss, &Cube::expected_loss_se, nullptr, nullptr, false,
       true, 0},
      {"std", "loss_std", "standard deviation", &Cube::loss_std, nullptr, nullptr, nullptr, false, true, 0},
      {"worst", "worst_loss", "worst loss", &Cube::worst_loss, nullptr, nullptr, nullptr, false, true, 0},
      {"probability", "probability_of_loss", "probability of a loss", &Cube::probability_of_loss,
       &Cube::probability_of_loss_se, nullptr, nullptr, false, false, 0},
      {"var", "value_at_risk", "VaR", &Cube::value_at_risk, nullptr, &Cube::value_at_risk_lower, &Cube::value_at_risk_upper,
       true, true, var_is_bracket | var_interval_missing | few_tail_scenarios},
      {"es", "expected_shortfall", "ES", &Cube::expected_shortfall, &Cube::expected_shortfall_se,
       &Cube::expected_shortfall_lower, &Cube::expected_shortfall_upper, true, true,
       var_is_bracket | es_interval_missing | few_tail_scenarios | es_tail_is_tied},
  };
  return all;
}

const Figure* figure_of(std::string_view name) {
  const auto found = std::find_if(figures().begin(), figures().end(),
                                  [&](const Figure& figure) { return figure.name == name || figure.dataset == name; });
  return found == figures().end() ? nullptr : &*found;
}

const Figure& contribution_figure() {
  static const Figure figure{"contributions",
                             "contribution/expected_shortfall",
                             "contribution to ES",
                             &Cube::contribution,
                             &Cube::contribution_se,
                             nullptr,
                             nullptr,
                             true,
                             true,
                             0};
  return figure;
}

FigureEstimate contribution(const Cube& cube, const Place& place) {
  const auto found = [](double value, double se) { return FigureEstimate{value, se, no_number, no_number, 0, false}; };
  if (place.part >= 0) {
    const auto part = static_cast<std::size_t>(place.part);
    const std::size_t at = cube.at_part(place.cell, part, place.horizon, place.confidence);
    return found(at_or_nan(cube, &Cube::contribution_by, at), at_or_nan(cube, &Cube::contribution_by_se, at));
  }
  const auto edge = static_cast<std::size_t>(place.edge);
  const std::size_t at = cube.at_edge(place.cell, edge, place.horizon, place.confidence);
  return found(at_or_nan(cube, &Cube::contribution, at), at_or_nan(cube, &Cube::contribution_se, at));
}

double FigureEstimate::error() const {
  if (!interval) return normal_95 * se;
  return std::isnan(lower) || std::isnan(upper) ? no_number : std::max(upper - value, value - lower);
}

FigureEstimate estimate(const Cube& cube, const Figure& figure, const Place& place) {
  const std::size_t at = figure.by_confidence
                             ? cube.at(place.quantity, place.cell, place.node, place.horizon, place.confidence)
                             : cube.at(place.quantity, place.cell, place.node, place.horizon);
  FigureEstimate found{at_or_nan(cube, figure.value, at),
                       at_or_nan(cube, figure.se, at),
                       at_or_nan(cube, figure.lower, at),
                       at_or_nan(cube, figure.upper, at),
                       0,
                       figure.lower != nullptr};
  if (figure.by_confidence && !cube.estimate_flag.empty()) found.flag = cube.estimate_flag[at] & figure.flags;
  return found;
}

std::string with_error(const FigureEstimate& found, const Figure& figure, const MoneyScale& money, Marks& marks) {
  if (std::isnan(found.value)) return "n/a";
  const auto text = [&](double value) { return figure.money ? money(value) : significant(100 * value, 3) + " %"; };
  if (figure.se == nullptr && figure.lower == nullptr) {
    marks.descriptive = true;
    return text(found.value);
  }
  std::string after;
  if (found.flag & var_is_bracket) marks.bracket = true, after += "*";
  if (found.flag & few_tail_scenarios) marks.few = true, after += "!";
  if (std::isnan(found.error())) {
    marks.missing = true;
    return text(found.value) + " ±?" + after;
  }
  if (!figure.money) return number_with_error(100 * found.value, 100 * found.error()) + " %" + after;
  return text(found.value) + " ±" + money.error(found.error()) + after;
}

void explain(std::ostream& out, const Marks& marks) {
  if (marks.bracket || marks.missing || marks.few || marks.descriptive) out << "\n";
  if (marks.bracket) out << "* binned tail: the middle of a certified bracket, which the interval contains\n";
  if (marks.missing)
    out << "±? too few scenarios in the tail for an interval, or none of them worse than VaR: an indication only\n";
  if (marks.few) out << "! fewer than 100 scenarios beyond this confidence: ask for more scenarios before relying on it\n";
  if (marks.descriptive) out << "standard deviation and worst loss describe the sample and have no error bar\n";
}

std::string number_with_error(double value, double error) {
  if (std::isnan(value)) return "n/a";
  if (std::isnan(error)) return significant(value, 4) + " ±?";
  if (error <= 0) return significant(value, 4) + " ±" + significant(error, 2);
  const int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(error))), 0, 12);
  return grouped(value, decimals) + " ±" + grouped(error, decimals);
}

int ranking_confidence(const Cube& cube, const std::vector<int>& confidences) {
  int best = confidences.front();
  for (const int k : confidences)
    if (cube.confidence[static_cast<std::size_t>(k)].value() <= 0.99) best = k;
  return best;
}

int ranking_confidence(const Cube& cube) {
  std::vector<int> all(cube.confidence.size());
  std::iota(all.begin(), all.end(), 0);
  return ranking_confidence(cube, all);
}

bool is_leaf(const Cube& cube, int node) {
  const std::size_t next = static_cast<std::size_t>(node) + 1;
  return next == cube.nodes.size() || !cube.nodes[next].starts_with(cube.nodes[next - 1] + "/");
}

double largest_amount(const Cube& cube) {
  double largest = 0;
  for (const auto* amounts : {&cube.base_value, &cube.expected_shortfall, &cube.value_at_risk})
    for (const double amount : *amounts)
      if (std::isfinite(amount)) largest = std::max(largest, std::abs(amount));
  return largest;
}

int depth(const std::string& path) { return static_cast<int>(std::count(path.begin(), path.end(), '/')); }

}  // namespace tailcube
