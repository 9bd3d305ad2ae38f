#include "src/input/table.h"

#include <algorithm>
#include <cmath>

namespace tailcube {

Table::Table(SourceFile& file, Issues& issues, std::vector<ColumnSpec> specs, Unknown unknown, std::string_view hint)
    : file_(file), issues_(issues), csv_(file, issues), specs_(std::move(specs)) {
  place_.assign(specs_.size(), -1);
  defaults_.assign(specs_.size(), 0);
  default_text_.resize(specs_.size());
  read_header(unknown, hint);
}

void Table::read_header(Unknown unknown, std::string_view hint) {
  if (!csv_.next()) return;
  header_ = csv_.cells();
  width_ = csv_.cells().size();
  std::vector<std::string_view> known;
  for (const auto& spec : specs_) known.push_back(spec.name);
  for (std::size_t i = 0; i < width_; ++i) {
    const std::string_view name = csv_.cells()[i];
    const auto complain = [&](std::string text) {
      header_good_ = false;
      issues_.add({file_.shown, line(), 0, std::string(name), std::move(text)});
    };
    bool found = false;
    for (std::size_t k = 0; k < specs_.size(); ++k) {  // a level may repeat another column's name: both read the same cell
      if (specs_[k].name != name) continue;
      if (!found && place_[k] >= 0) complain("the column is there twice");
      found = true;
      place_[k] = static_cast<int>(i);
    }
    if (name.empty()) {
      complain("column " + std::to_string(i + 1) + " has no name");
    } else if (!found && unknown == Unknown::refused) {
      const std::string like = issues_.suggest(name, known);
      complain("unknown column" + (like.empty() ? std::string(hint) : like));
    }
  }
  for (std::size_t k = 0; k < specs_.size(); ++k)
    if (specs_[k].required && place_[k] < 0)
      issues_.add({file_.shown, line(), 0, std::string(specs_[k].name), "the column is missing; it is required"});
}

bool Table::next() {
  while (csv_.next()) {
    good_ = true;
    if (csv_.cells().size() == width_) return true;
    ++short_rows_;
    issues_.add({file_.shown, line(), 0, "",
                 std::to_string(csv_.cells().size()) + " cells, but the header has " + std::to_string(width_)});
  }
  return false;
}

void Table::error(int column, std::string text) {
  good_ = false;
  issues_.add({file_.shown, line(), 0, std::string(name(column)), std::move(text)});
}

bool Table::blank_error(int column, std::string_view rule) {
  good_ = false;
  // A column that is missing was reported with the header, or is there under a misspelt name.
  const bool reported = specs_[static_cast<std::size_t>(column)].required || !header_good_;
  if (has(column) || !reported) error(column, "blank; required, " + std::string(rule));
  return false;
}

double Table::number(int column, const Range& range, std::optional<double> otherwise) {
  const std::string_view text = cell(column);
  if (text.empty()) {
    if (!otherwise) return blank_error(column, range.words), 0.0;
    if (defaults_[static_cast<std::size_t>(column)] == 0)
      count_default(column, std::isnan(*otherwise) ? "blank" : shown(*otherwise));
    else
      ++defaults_[static_cast<std::size_t>(column)];
    return *otherwise;
  }
  double value = 0;
  std::string problem = number_problem(text, range, value);
  if (problem.empty()) return value;
  error(column, std::move(problem));
  return 0;
}

std::string_view Table::id(int column) {
  const std::string_view text = cell(column);
  if (text.empty()) return blank_error(column, id_rule), text;
  if (!is_id(text)) error(column, in_quotes(text) + " is not " + std::string(id_rule));
  return text;
}

void Table::count_default(int column, std::string_view text) {
  if (defaults_[static_cast<std::size_t>(column)]++ == 0) default_text_[static_cast<std::size_t>(column)] = text;
}

void Table::list_defaults(std::vector<std::string>& lines) const {
  for (std::size_t k = 0; k < specs_.size(); ++k)
    if (defaults_[k] > 0)
      lines.push_back(file_.written + ": " + std::string(specs_[k].name) + " = " + default_text_[k] + " (" +
                      std::to_string(defaults_[k]) + (defaults_[k] == 1 ? " row)" : " rows)"));
}

}  // namespace tailcube
