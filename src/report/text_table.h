#pragma once
// Columns as wide as what they hold.
#include <iosfwd>
#include <string>
#include <vector>

namespace tailcube {

// The first row is the head. The first `names` columns are flush left, the others flush right; two blanks before each.
void write_columns(std::ostream&, const std::vector<std::vector<std::string>>& rows, std::size_t names);

}  // namespace tailcube
