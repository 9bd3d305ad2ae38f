#include "src/report/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/functions.h"
#include "src/report/paired_error.h"

namespace tailcube {
namespace {

constexpr double false_alarm = 0.05;  // that noise alone makes any figure differ

using Pairs = std::vector<std::pair<int, int>>;  // places of one thing in the two cubes

template <class Value, class Text>
Pairs common(const char* axis, const std::vector<Value>& a, const std::vector<Value>& b, Text text,
             std::vector<AxisDifference>& differences) {
  Pairs pairs;
  AxisDifference difference{axis, {}, {}};
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto found = std::find(b.begin(), b.end(), a[i]);
    if (found == b.end())
      difference.only_a.push_back(text(a[i]));
    else
      pairs.emplace_back(static_cast<int>(i), static_cast<int>(found - b.begin()));
  }
  for (const Value& value : b)
    if (std::find(a.begin(), a.end(), value) == a.end()) difference.only_b.push_back(text(value));
  if (!difference.only_a.empty() || !difference.only_b.empty()) differences.push_back(std::move(difference));
  return pairs;
}

template <class Value>
std::vector<Value> chosen(const std::vector<Value>& values, const Pairs& pairs) {
  std::vector<Value> out;
  for (const auto& [a, b] : pairs) out.push_back(values[static_cast<std::size_t>(a)]);
  return out;
}
Pairs chosen(const Pairs& pairs, const std::vector<int>& places) {
  Pairs out;
  for (const int place : places) out.push_back(pairs[static_cast<std::size_t>(place)]);
  return out;
}

struct Common {
  Pairs quantities, cells, nodes, horizons, confidences;
};

// What both cubes have, filtered.
Common common_of(const Cube& a, const Cube& b, const Filters& filters, std::vector<AxisDifference>& axes) {
  const auto name = [](const std::string& text) { return text; };
  const auto level = [](const Confidence& confidence) { return percent(confidence.value()); };
  Common all{common("quantity", a.quantities, b.quantities, name, axes), common("cell", a.cells, b.cells, name, axes),
             common("node", a.nodes, b.nodes, name, axes),
             common("horizon", a.horizon_years, b.horizon_years, horizon_text, axes),
             common("confidence", a.confidence, b.confidence, level, axes)};
  Cube both;  // its axes only
  both.quantities = chosen(a.quantities, all.quantities);
  both.cells = chosen(a.cells, all.cells);
  both.nodes = chosen(a.nodes, all.nodes);
  both.horizon_years = chosen(a.horizon_years, all.horizons);
  both.confidence = chosen(a.confidence, all.confidences);
  const Selection selection = select(both, filters);
  return {chosen(all.quantities, selection.quantities), chosen(all.cells, selection.cells),
          chosen(all.nodes, selection.nodes), chosen(all.horizons, selection.horizons),
          chosen(all.confidences, selection.confidences)};
}

class Comparer {
 public:
  Comparer(const Cube& a, const Cube& b, const CompareRequest& request) : a_(a), b_(b), request_(request) {
    choose();
    if (a.currency != b.currency) throw Incomparable("one cube is in " + a.currency + ", the other in " + b.currency);
    common_ = common_of(a, b, request.filters, found_.axes);
    if (common_.cells.empty() || common_.nodes.empty() || common_.horizons.empty() || common_.quantities.empty())
      throw Incomparable("the cubes have no cell, node, horizon or kind of loss in common");
  }

  Comparison result() {
    if (value_today_) values_today();
    for (const auto& [qa, qb] : common_.quantities)
      for (const auto& [ca, cb] : common_.cells)
        for (const auto& [na, nb] : common_.nodes)
          for (const auto& [ha, hb] : common_.horizons) place({qa, ca, na, ha, 0}, {qb, cb, nb, hb, 0});
    if (contributions_) contributions();
    judge();
    return std::move(found_);
  }

 private:
  void choose() {
    for (const std::string& name :
         request_.what.empty() ? std::vector<std::string>{"value", "mean", "var", "es"} : request_.what) {
      if (const Figure* figure = figure_of(name))
        figures_.push_back(figure);
      else if (name == contribution_figure().name)
        contributions_ = true;
      else if (name == "value")
        value_today_ = true;
      else
        refuse_what(name, "value, contributions");
    }
  }

  void values_today() {
    for (const auto& [na, nb] : common_.nodes)
      add({nullptr,
           {0, 0, na, 0, 0},
           a_.base_value[static_cast<std::size_t>(na)],
           b_.base_value[static_cast<std::size_t>(nb)],
           0,
           Errors::exact});
  }

  void place(Place a, Place b) {
    for (const Figure* figure : figures_) {
      if (!figure->by_confidence) {
        add(difference(*figure, a, b));
        continue;
      }
      for (const auto& [ka, kb] : common_.confidences) {
        a.confidence = ka;
        b.confidence = kb;
        add(difference(*figure, a, b));
      }
    }
  }

  // To the nodes chosen. What contributes loses in its parent's tail is in no cube: nothing can be paired.
  void contributions() {
    const auto name = [](const std::string& text) { return text; };
    for (const auto& [ea, eb] : common("edge", a_.edges, b_.edges, name, found_.axes))
      contribution_of(a_.edge_parent[static_cast<std::size_t>(ea)], a_.edge_child[static_cast<std::size_t>(ea)], {ea, eb},
                      {-1, -1});
    for (const auto& [pa, pb] : common("part", a_.parts, b_.parts, name, found_.axes)) {
      const std::string& parent = a_.part_parent[static_cast<std::size_t>(pa)];
      contribution_of(parent, parent, {-1, -1}, {pa, pb});
    }
  }

  void contribution_of(const std::string& parent, const std::string& node, std::pair<int, int> edges,
                       std::pair<int, int> parts) {
    const auto place = [this](const std::string& path) {
      return static_cast<int>(std::find(a_.nodes.begin(), a_.nodes.end(), path) - a_.nodes.begin());
    };
    if (std::none_of(common_.nodes.begin(), common_.nodes.end(), [&](const auto& n) { return n.first == place(parent); }))
      return;
    const int at = place(node);
    for (const auto& [ca, cb] : common_.cells)
      for (const auto& [ha, hb] : common_.horizons)
        for (const auto& [ka, kb] : common_.confidences) {
          const Place pa{0, ca, at, ha, ka, edges.first, parts.first}, pb{0, cb, 0, hb, kb, edges.second, parts.second};
          const FigureEstimate before = contribution(a_, pa), after = contribution(b_, pb);
          const double se = std::hypot(before.se, after.se);
          add({&contribution_figure(), pa, before.value, after.value, se,
               std::isnan(se) ? Errors::unknown : Errors::independent});
        }
  }

  Difference difference(const Figure& figure, const Place& pa, const Place& pb) {
    const FigureEstimate before = estimate(a_, figure, pa), after = estimate(b_, figure, pb);
    Difference found{&figure, pa, before.value, after.value, 0, Errors::exact};
    if (before.value == after.value || (std::isnan(before.value) && std::isnan(after.value))) return found;
    const double sa = standard_error(before), sb = standard_error(after);
    found.se = std::hypot(sa, sb);
    found.errors = std::isnan(found.se) ? Errors::unknown : Errors::independent;
    const bool bracket = ((before.flag | after.flag) & var_is_bracket) != 0;  // an error that has no sign
    if (found.errors == Errors::unknown || !figure.by_confidence || !request_.same_scenarios || bracket) return found;
    const auto error = figure.name == std::string_view("es") ? paired_shortfall_error(a_, pa, b_, pb)
                                                             : paired_var_error(a_, pa, sa, b_, pb, sb);
    if (error) found.se = error->se, found.sign = error->sign, found.errors = Errors::paired;
    return found;
  }

  static double standard_error(const FigureEstimate& found) {
    if (!found.interval || (!std::isnan(found.se) && (found.flag & var_is_bracket) == 0)) return found.se;
    return (found.upper - found.lower) / (2 * normal_95);
  }

  void add(const Difference& difference) {
    ++found_.compared;
    const bool same =
        difference.before == difference.after || (std::isnan(difference.before) && std::isnan(difference.after));
    if (same) {
      ++found_.equal;
      return;
    }
    if (difference.errors == Errors::paired) ++found_.paired;
    if (difference.errors == Errors::independent) ++found_.independent;
    if (difference.errors == Errors::unknown) ++found_.without_error;
    unequal_.push_back(difference);
  }

  void judge() {
    const std::size_t noisy = std::max<std::size_t>(found_.paired + found_.independent, 1);
    found_.sigma = request_.sigma.value_or(normal_quantile(1 - false_alarm / (2 * static_cast<double>(noisy))));
    for (const Difference& d : unequal_) {
      const double allowed = std::max(request_.absolute, request_.relative * std::abs(d.before));
      const bool noise = std::isfinite(d.se) && (std::abs(d.difference()) <= found_.sigma * d.se || d.sign < found_.sigma);
      if (noise || std::abs(d.difference()) <= allowed)
        ++found_.within;
      else
        found_.beyond.push_back(d);
    }
    std::stable_sort(found_.beyond.begin(), found_.beyond.end(), [&](const Difference& x, const Difference& y) {
      const double mx = x.multiple(), my = y.multiple();
      return mx != my ? mx > my : std::abs(x.difference()) > std::abs(y.difference());
    });
  }

  const Cube& a_;
  const Cube& b_;
  const CompareRequest& request_;
  std::vector<const Figure*> figures_;
  bool value_today_ = false, contributions_ = false;
  Common common_;
  std::vector<Difference> unequal_;
  Comparison found_;
};

}  // namespace

double Difference::multiple() const {
  return std::min(sign, se > 0 ? std::abs(difference()) / se : std::numeric_limits<double>::infinity());
}

const char* to_string(Errors errors) {
  switch (errors) {
    case Errors::exact:
      return "exact";
    case Errors::paired:
      return "paired";
    case Errors::independent:
      return "independent";
    case Errors::unknown:
      break;
  }
  return "none";
}

Comparison compare(const Cube& a, const Cube& b, const CompareRequest& request) { return Comparer(a, b, request).result(); }

}  // namespace tailcube
