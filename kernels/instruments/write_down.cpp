#include "kernels/instruments/write_down.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace tailcube {
namespace {

constexpr Range some_days{0, 3650, "between 0 and 3650"};
constexpr double days_a_year = 365, same_date = 1e-9;
constexpr Field<WriteDown> fields[] = {
    {.name = "published_grace_days",
     .member = &WriteDown::grace_days,
     .allowed = some_days,
     .otherwise = 0.0,
     .meaning = "days overdue until the published value is written down",
     .of_published_value = true},
    {.name = "published_write_down_days",
     .member = &WriteDown::days,
     .allowed = some_days,
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning = "days after these until all of it is written down; blank: never",
     .of_published_value = true},
    {.name = "published_write_down_steps",
     .member = &WriteDown::steps,
     .allowed = {0, 100, "a whole number between 0 and 100"},
     .otherwise = 0.0,
     .meaning = "in so many equal parts, at equal intervals; 0: linearly",
     .of_published_value = true},
    {.name = "published_write_offs",
     .member = &WriteDown::offs,
     .allowed = some_days,
     .otherwise = 0.0,
     .meaning = "in place of these, a list of days overdue and the share written off by then: 30:0.25 60:0.5 90:1",
     .of_published_value = true},
};

}  // namespace

std::vector<Column> write_down_columns() { return columns(fields); }

WriteDown write_down(const Positions& positions, std::size_t position, std::size_t first_column) {
  return terms(positions, fields, position, first_column);
}

std::optional<Complaint> check_write_down(const WriteDown& w) {
  if (w.steps != std::floor(w.steps))
    return Complaint{"published_write_down_steps", std::to_string(w.steps) + " is not a whole number"};
  const bool never = w.days != w.days, regular = w.grace_days > 0 || w.steps > 0;
  if (!w.offs.empty() && (!never || regular))
    return Complaint{"published_write_offs",
                     "a list takes the place of days of grace, write-down days and steps; leave them blank"};
  if (never && regular)
    return Complaint{"published_write_down_days", "blank; days of grace and steps need the days until all is written down"};
  return {};
}

double written_down(const WriteDown& w, double years_overdue) {
  if (!w.offs.empty()) return share_by(w.offs, years_overdue * days_a_year + same_date);
  const double late = years_overdue * days_a_year - w.grace_days;
  if (w.days != w.days || late <= same_date) return 0;
  if (late + same_date >= w.days) return 1;
  const double share = late / w.days;
  return w.steps > 0 ? std::floor(share * w.steps + same_date) / w.steps : share;
}

}  // namespace tailcube
