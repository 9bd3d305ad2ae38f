#pragma once
// Partials that are to add up to a whole job.
#include <string>
#include <vector>

#include "hpc/partial_file.h"

namespace tailcube {

// Everything in their heads and indices that keeps them from being all of `job`, a line each: files of another job, program
// or loss unit, incomplete files, files that hold the same scenarios, scenarios that nobody holds with the shard they belong
// to. Empty: they are.
std::vector<std::string> merge_problems(const PartialHeader& job, const std::vector<PartialReader>& parts);
// Why this file cannot be part of the job, with its name; empty if it can.
std::string part_problem(const PartialHeader& job, const PartialReader& part);

// One cell of all parts, which have no problems, added up. Holds the sum and one part at a time. Throws FileError,
// BadPartial.
CellPart merged_cell(const std::vector<PartialReader>& parts, int cell);
// Adds one cell of one part to tallies of that cell.
void add_part(const PartialReader& part, int cell, CellPart& sum);

}  // namespace tailcube
