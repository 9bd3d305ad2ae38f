#pragma once
// Which part of a cube is looked at: filters as people write them, and the places that they name.
#include <stdexcept>
#include <string>
#include <vector>

namespace tailcube {

struct Cube;

// Each list is a union; an empty one takes the whole axis.
//   cells, nodes, quantities: a name; else a glob (* ? [...], * also crosses '/'), else the beginning of names. A node may
//   be
//     written without "total/".
//   horizons: "3M", "1Y", "10D", years ("0.25"), "3 months", or "last".
//   confidences: "99", "99%" or "0.99".
struct Filters {
  std::vector<std::string> cells, nodes, horizons, confidences, quantities;
};

// A filter that is no filter or finds nothing; the message lists what there is.
class BadFilter : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Selection {  // places on the axes of the cube, ascending
  std::vector<int> quantities, cells, nodes, horizons, confidences;
};
Selection select(const Cube&, const Filters&);  // throws BadFilter

// "--what 'x' is none of mean, ..., var, gauges": the names of the figures, and what else there would be.
[[noreturn]] void refuse_what(const std::string& name, const std::string& others);

// The names that a pattern finds, by the rules above; `option` is what messages call it.
std::vector<int> matching(const std::vector<std::string>& names, const std::vector<std::string>& patterns,
                          const std::string& option);

}  // namespace tailcube
