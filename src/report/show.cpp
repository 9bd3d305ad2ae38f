#include "src/report/show.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <sstream>

#include "src/report/figures.h"
#include "src/report/show_parts.h"

namespace tailcube {
namespace {

constexpr std::size_t nodes_unasked = 24;  // more are cut at the first level below the total

struct What {
  std::vector<const Figure*> figures;
  bool contributions = false, gauges = false, distribution = false, tail = false;
};

What what_of(const std::vector<std::string>& names) {
  What what;
  for (const std::string& name : names.empty() ? std::vector<std::string>{"es", "var", "mean", "distribution"} : names) {
    if (const Figure* figure = figure_of(name)) {
      what.figures.push_back(figure);
    } else if (name == contribution_figure().name) {
      what.contributions = true;
    } else if (name == "gauges") {
      what.gauges = true;
    } else if (name == "distribution") {
      what.distribution = true;
    } else if (name == "tail") {
      what.tail = true;
    } else {
      refuse_what(name, "contributions, gauges, distribution, tail");
    }
  }
  return what;
}

// The whole show; `parts` writes each piece.
class Show {
 public:
  Show(std::ostream& out, const Cube& cube, const ShowRequest& request, const Terminal& terminal)
      : out_(out), cube_(cube), request_(request), terminal_(terminal), what_(what_of(request.what)) {
    all_ = select(cube, request.filters);
    if (all_.cells.empty() || all_.nodes.empty() || all_.horizons.empty() || all_.quantities.empty())
      throw BadFilter("the cube has no losses");
    if (all_.confidences.empty()) std::erase_if(what_.figures, [](const Figure* figure) { return figure->by_confidence; });
    shown_ = all_;
    if (request.filters.quantities.empty()) shown_.quantities.resize(1);
    if (request.filters.cells.empty()) shown_.cells.resize(1);
    if (request.filters.horizons.empty()) shown_.horizons = {shown_.horizons.back()};
    if (request.filters.nodes.empty() && cube.nodes.size() > nodes_unasked)
      std::erase_if(shown_.nodes, [&](int n) { return depth(cube.nodes[static_cast<std::size_t>(n)]) > 1; });
    if (what_.contributions) choose_parents();
  }

  void write() {
    header();
    ShowParts parts(out_, cube_, terminal_);
    for (const int q : shown_.quantities) {
      for (const int c : shown_.cells) cell(parts, q, c);
      if (all_.cells.size() > 1 && !what_.figures.empty())
        for (const int h : shown_.horizons)
          parts.cells(*what_.figures.front(), first_place(q, 0, h), all_.cells, shown_.nodes);
    }
    parts.notes();
    hints();
  }

 private:
  void cell(ShowParts& parts, int q, int c) {
    for (const int h : shown_.horizons) {
      const Place place = first_place(q, c, h);
      if (!what_.figures.empty()) {
        parts.figures(what_.figures, place, shown_.nodes, all_.confidences);
        parts.bars(*what_.figures.front(), place, shown_.nodes);
      }
      if (what_.gauges) parts.gauges(place, shown_.nodes), parts.ratios(place, shown_.nodes);
      // The cube's histogram and worst scenarios are of the economic loss.
      const std::vector<int> nodes = request_.filters.nodes.empty() ? std::vector<int>{shown_.nodes.front()} : shown_.nodes;
      for (const int n : nodes) {
        const Place here{q, c, n, h, place.confidence};
        if (what_.distribution && q == 0) parts.distribution(here, all_.confidences);
        if (what_.tail && q == 0) parts.tail(here);
      }
      if (q == 0)
        for (const int n : parents_) parts.contributions({q, c, n, h, place.confidence}, all_.confidences);
    }
    if (all_.horizons.size() > 1 && !what_.figures.empty())
      parts.horizons(*what_.figures.front(), first_place(q, c, 0), shown_.nodes, all_.horizons);
  }

  Place first_place(int q, int c, int h) const {
    return {q, c, 0, h, all_.confidences.empty() ? 0 : ranking_confidence(cube_, all_.confidences)};
  }

  void header() {
    out_ << grouped(static_cast<double>(cube_.scenarios)) << " scenarios in each cell; a loss is positive\n"
         << "± is the wider half of a 95 % interval\n";
  }

  // Nodes asked for whose ES is split up; the first of all without a filter.
  void choose_parents() {
    std::string known;
    for (int n = 0; n < static_cast<int>(cube_.nodes.size()); ++n) {
      const std::string& node = cube_.nodes[static_cast<std::size_t>(n)];
      const auto among = [&](const std::vector<std::string>& parents) {
        return std::find(parents.begin(), parents.end(), node) != parents.end();
      };
      if (!among(cube_.edge_parent) && !among(cube_.part_parent)) continue;
      known.append(known.empty() ? "'" : ", '").append(node) += '\'';
      if (std::find(all_.nodes.begin(), all_.nodes.end(), n) != all_.nodes.end()) parents_.push_back(n);
    }
    if (known.empty()) throw BadFilter("the cube has no contributions; the job asks for them with cube.contributions");
    if (parents_.empty()) throw BadFilter("--node: the cube has contributions to " + known);
    if (request_.filters.nodes.empty()) parents_.resize(1);
  }

  // What was left out because it was not asked for.
  void hints() {
    const auto hint = [&](std::size_t left_out, const char* what, const char* option, const char* of = "") {
      if (left_out > 0)
        out_ << "not shown: " << left_out << " more " << what << (left_out == 1 ? "" : "s") << of << ", " << option << "\n";
    };
    out_ << "\n";
    hint(all_.cells.size() - shown_.cells.size(), "cell", "--cell '*'");
    hint(all_.nodes.size() - shown_.nodes.size(), "node", "--node '*'");
    hint(all_.horizons.size() - shown_.horizons.size(), "horizon", "--horizon 3M, 1Y, ...");
    hint(all_.quantities.size() - shown_.quantities.size(), "kind", "--quantity '*'", " of loss");
  }

  std::ostream& out_;
  const Cube& cube_;
  const ShowRequest& request_;
  const Terminal& terminal_;
  What what_;
  Selection all_, shown_;
  std::vector<int> parents_;  // whose contributions are shown
};

}  // namespace

std::vector<std::string_view> groups_not_shown(const ShowRequest& request) {
  const What what = what_of(request.what);
  std::vector<std::string_view> groups{"concentration"};
  if (!what.distribution) groups.emplace_back("distribution");
  if (!what.tail) groups.emplace_back("tail");
  if (!what.contributions) groups.insert(groups.end(), {"contribution", "contribution_by"});
  return groups;
}

void show(std::ostream& out, const Cube& cube, const ShowRequest& request, const Terminal& terminal) {
  std::ostringstream text;
  Show(text, cube, request, terminal).write();
  out << wrapped(text.str(), terminal.columns);
}

}  // namespace tailcube
