#pragma once
// Parts of a book that have the value of a column in common, whatever the tree says (cube.contribute_by): the positions of a
// sector, an obligor, a chain. They contribute to expected shortfall as children in the tree do.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/model/model.h"

namespace tailcube {

struct Part {
  std::uint32_t parent;  // of Job::contributions, or of those that were asked for
  std::uint32_t column;  // of Job::contribute_by
  std::string value;
};
// Which positions belong to which parts. A position is in one part of each column of each parent above it, so that the parts
// of a column add up to the parent; in `PartChoice::crowded` in one at most.
struct Parts {
  std::vector<Part> all;  // by parent, column and value; no_value and other_values come last
  // Positions of one leaf that are in the same parts are a group; groups in the order of leaves.
  std::vector<std::vector<std::uint32_t>> group;  // [table][position]
  std::vector<NodeIndex> leaf;                    // [group]
  std::vector<std::vector<std::uint32_t>> of;     // [group]: its parts, ascending
};

// Chooses the values that are told apart: of each column and parent the job.contribute_top that contribute most, and
// no_value. `job` outlives it.
class PartChoice {
 public:
  explicit PartChoice(const Job&);
  // Places in Job::contributions, ascending; Part::parent counts them. Positions below none of them are in no part.
  using Parents = std::span<const std::uint32_t>;
  // All values of those columns and parents that have more than are told apart. Empty: there is nothing to choose.
  Parts crowded(Parents) const;
  Parts crowded() const { return crowded(all_); }
  // `kept`: of each part in crowded(); empty if that is.
  Parts chosen(std::span<const std::uint8_t> kept, Parents) const;
  Parts chosen(std::span<const std::uint8_t> kept) const { return chosen(kept, all_); }
  // At most, of whatever is chosen: parts of crowded() and of chosen(), and rows that tell them apart, by table.
  struct Size {
    std::size_t crowded = 0, chosen = 0;
    std::vector<std::size_t> rows;
  };
  Size most() const;
  std::size_t values(std::size_t column) const { return columns_[column].values.size(); }

 private:
  struct Column {
    std::vector<std::string_view> values;        // sorted
    std::vector<std::vector<std::uint32_t>> of;  // [table][position]: place in values, or `none`
  };
  struct Present {                      // a column below a parent
    std::vector<std::uint32_t> values;  // ascending
    bool blank = false, crowded = false;
  };
  void read(std::size_t column);
  void look(std::size_t column);
  const Present& present(std::uint32_t parent, std::size_t column) const {
    return present_[parent * columns_.size() + column];
  }
  template <class PartOf>
  void gather(Parts&, Parents, const PartOf&) const;

  const Job& job_;
  std::vector<std::uint32_t> all_;                 // parents
  std::vector<std::vector<std::uint32_t>> above_;  // [node]: places in Job::contributions of those at or above it, ascending
  std::vector<Column> columns_;
  std::vector<Present> present_;  // [parent][column]
};

// How many cells the second look takes together: as many as `bytes` of a cell's sums leave room for in 64 MB, 16 at most.
int cells_looked_at(std::size_t bytes);

}  // namespace tailcube
