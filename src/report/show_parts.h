#pragma once
// The pieces that `show` is put together from.
#include <iosfwd>
#include <string>
#include <vector>

#include "src/report/figures.h"
#include "src/report/terminal_table.h"

namespace tailcube {

inline std::size_t as_size(int place) { return static_cast<std::size_t>(place); }

class ShowParts {
 public:
  ShowParts(std::ostream& out, const Cube& cube, const Terminal& terminal) : out_(out), cube_(cube), terminal_(terminal) {}
  // Node x figures, those by confidence at each of `confidences`, at one cell and horizon.
  void figures(const std::vector<const Figure*>&, const Place&, const std::vector<int>& nodes,
               const std::vector<int>& confidences);
  void horizons(const Figure&, Place, const std::vector<int>& nodes, const std::vector<int>& horizons);
  void cells(const Figure&, Place, const std::vector<int>& cells, const std::vector<int>& nodes);
  // A bar for each node, solid to the lower end of the interval, shaded to the upper.
  void bars(const Figure&, Place, const std::vector<int>& nodes);
  // What nodes below the place's node add to its ES at each of `confidences`, with bars of those one level below; then what
  // the values of each column of /contribution_by add, largest first.
  void contributions(const Place&, const std::vector<int>& confidences);
  void gauges(const Place&, const std::vector<int>& nodes);
  void ratios(const Place&, const std::vector<int>& nodes);  // where the cube has what they are made of
  // /distribution of the node as rows of a few bins each, with their share and its error.
  void distribution(const Place&, const std::vector<int>& confidences);
  void tail(const Place&);  // the worst scenarios
  void notes();             // what the marks mean, and what was left out of the book

 private:
  void title(const std::string& text);
  std::string where(const Place&) const;  // "economic loss, cell base, after 1 year"
  std::string named(const Figure&, const Place&) const;
  std::vector<std::string> node_labels(const std::vector<int>& nodes) const;
  struct Contributor {
    std::string label;
    int edge, part;  // -1: the other
  };
  std::vector<Contributor> nodes_below(const Place&, std::size_t& folded) const;
  std::vector<Contributor> values_of(const Place&, const std::string& column) const;
  void contributors(const Place&, const std::string& what, const std::vector<Contributor>&,
                    const std::vector<int>& confidences);
  void contribution_bars(const Place&, const std::string& what, std::vector<Contributor>);
  MoneyScale scale(const std::vector<const Figure*>&, const std::vector<Place>&) const;
  std::ostream& out_;
  const Cube& cube_;
  const Terminal& terminal_;
  Marks marks_;
};

}  // namespace tailcube
