// cube.contribute_by: columns that expected shortfall is split up by, beside the tree.
#include <algorithm>

#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr std::string_view of_obligors = "obligor|sector|country";

bool holds_numbers(std::string_view name) {
  if (name == "quantity") return true;
  for (const Instrument* instrument : instruments())
    for (const Column& column : instrument->columns)
      if (column.name == name && (column.kind == CellKind::number || column.kind == CellKind::rate)) return true;
  return false;
}

// What is wrong with a name, or nothing.
std::string complaint(std::string_view name) {
  if (name == "id") return "the ids of positions are \"position\" here";
  if (holds_numbers(name)) return in_quotes(name) + " holds numbers; a column of names is needed";
  return {};
}

}  // namespace

bool read_from_positions(const ContributionColumn& column) { return column.name != "position"; }

void read_contribute_by(Reading& reading, Section& cube) {
  auto& columns = reading.job.contribute_by;
  const auto* node = cube.find("contribute_by");
  if (node == nullptr) {
    cube.use_default("contribute_by", "[]");
    if (const auto* top = cube.find("contribute_top"))
      cube.error(*top, "contribute_top", "only with cube.contribute_by are there values to choose from");
    return;
  }
  reading.job.contribute_top = static_cast<int>(cube.integer("contribute_top", {1, 100'000}, reading.job.contribute_top));
  const auto* array = node->as_array();
  if (array == nullptr)
    return cube.wrong(*node, "contribute_by", "a list of columns, for instance [\"sector\", \"obligor\"]");
  for (const auto& element : *array) {
    const auto* name = element.as_string();
    const std::string wrong = name != nullptr ? complaint(name->get()) : "";
    if (name == nullptr || !is_id(name->get()))
      cube.wrong(element, "contribute_by", "the name of a column, " + std::string(id_rule));
    else if (!wrong.empty())
      cube.error(element, "contribute_by", wrong);
    else if (std::any_of(columns.begin(), columns.end(), [&](const auto& column) { return column.name == name->get(); }))
      cube.error(element, "contribute_by", canonical(element) + " is there twice");
    else
      columns.push_back({name->get(), {}});
  }
  reading.contribute_by = array;
}

void check_contribute_by(Reading& reading, const std::vector<std::uint8_t>& found,
                         const std::vector<std::string_view>& headers) {
  const auto& columns = reading.job.contribute_by;
  if (reading.contribute_by == nullptr || columns.size() != reading.contribute_by->size()) return;
  Section cube(reading.context(), "cube");
  const auto* whose = cube.find("contributions");
  if (reading.contributions == nullptr && reading.contributions_word == 0 && whose != nullptr && !columns.empty())
    cube.error(*whose, "contributions", "\"none\" leaves cube.contribute_by nothing to split up");
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::string& name = columns[c].name;
    if (found[c] != 0 || name == "position") continue;
    const auto& element = (*reading.contribute_by)[c];
    if (place_of(name, of_obligors) < 0)
      cube.error(element, "contribute_by",
                 in_quotes(name) + " is a column of no table of positions" + reading.issues.suggest(name, headers));
    else if (reading.obligors.known && reading.job.obligors.size() == 0)
      cube.error(element, "contribute_by", in_quotes(name) + " needs files.obligors");
  }
}

}  // namespace tailcube
