// Warnings that need the compiled book.
#include "src/input/warnings.h"

#include <cmath>

#include "src/engine/engine.h"
#include "src/input/issues.h"

namespace tailcube {

std::vector<std::string> compiled_warnings(const Job& job, const CompiledBook& book) {
  std::vector<std::string> out;
  for (std::size_t c = 0; c < book.cells.size(); ++c) {
    constexpr double five_deviations = 5.7e-7;  // of one normal, both sides
    if (book.cells[c].distance_tail < five_deviations)
      out.push_back(named(Warning::distant_cell, "stress " + in_quotes(job.cells[c].name) + ": " +
                                                     rounded(book.cells[c].distance) +
                                                     " standard deviations out, less likely than five of a single number"));
  }
  double worth = 0;  // of the rows without their signs, in loss units
  for (const Units units : book.today) worth += std::abs(static_cast<double>(units));
  if (book.largest_loss > 0 && worth < 10'000)
    out.push_back(named(Warning::coarse_loss_unit, "run.currency: losses are rounded to multiples of " + rounded(book.unit) +
                                                       " " + job.currency + ", and the book is worth only " +
                                                       rounded(worth) + " of them today"));
  return out;
}

}  // namespace tailcube
