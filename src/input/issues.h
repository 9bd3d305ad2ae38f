#pragma once
// Collects what is wrong, so that everything is reported at once.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/instruments/instrument.h"
#include "src/input/input.h"

namespace tailcube {

class Issues {
 public:
  void add(Issue);
  void add_unreadable(Issue);  // a file that could not be read: exit code 66
  std::size_t total() const { return total_; }
  void throw_if_any();

  // "; did you mean \"pool\"?" for the known name closest to a misspelling, or nothing. Work over all calls is bounded, so
  // that a million wrong references to a million names still end: later ones then get no suggestion.
  std::string suggest(std::string_view name, std::span<const std::string_view> known);

 private:
  void keep_first();
  std::vector<Issue> issues_;
  std::size_t total_ = 0;
  bool unreadable_ = false;
  std::size_t budget_ = 3'000'000;  // names that may still be compared
};

// For messages: the text in quotes, shortened, control characters escaped; the shortest decimal that reads back as the
// number.
std::string in_quotes(std::string_view);
std::string shown(double);
std::string rounded(double);  // to six digits, for computed numbers

// Ids are [A-Za-z0-9_.:+-]+.
bool is_id(std::string_view);
inline constexpr std::string_view id_rule = "an id of the characters A-Z a-z 0-9 _ . : + -";

// A finite or non-finite decimal number filling the whole text. Too large or too small for a double: out_of_range.
enum class NumberText : std::uint8_t { number, out_of_range, no_number };
NumberText parse_number(std::string_view text, double& value);
// Empty if the text is a finite number in the range; else what is wrong with it.
std::string number_problem(std::string_view text, const Range&, double& value);
// The same of "after:share after:share ...": both rise, `after` is in the range, shares are above 0 and at most 1.
std::string schedule_problem(std::string_view text, const Range& after, ShareSchedule&);

}  // namespace tailcube
