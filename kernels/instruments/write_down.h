#pragma once
// How a debt that is overdue is written down in whatever publishes its value.
#include <optional>
#include <vector>

#include "kernels/instruments/instrument.h"

namespace tailcube {

struct WriteDown {
  double grace_days;        // overdue until write-down begins
  double days;              // after these, until all is written down; NaN: never
  double steps;             // equal parts of it; 0: linearly
  ShareSchedule offs = {};  // days overdue, share written off by then; takes the place of the others
};

// The columns of WriteDown, for tables that have them from some column on.
std::vector<Column> write_down_columns();
WriteDown write_down(const Positions&, std::size_t position, std::size_t first_column);
std::optional<Complaint> check_write_down(const WriteDown&);

// The share of a debt that has been written down when it is so many years overdue.
double written_down(const WriteDown&, double years_overdue);

}  // namespace tailcube
