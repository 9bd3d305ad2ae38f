#include <algorithm>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "src/input/csv.h"
#include "src/input/job_changes.h"

namespace tailcube {
namespace {

struct Lines {
  std::vector<std::string> heads;
  std::vector<std::vector<std::string>> rows;
};

Lines table_of(const std::string& text) {
  SourceFile file{"", "table", text, ""};
  Issues issues;
  Csv csv(file, issues);
  Lines table;
  while (csv.next()) {
    std::vector<std::string> cells(csv.cells().begin(), csv.cells().end());
    if (table.heads.empty())
      table.heads = std::move(cells);
    else
      table.rows.push_back(std::move(cells));
  }
  if (csv.dropped_any() || table.heads.empty()) throw std::runtime_error("it is no table");
  for (auto& row : table.rows) row.resize(table.heads.size());
  return table;
}

using Row = std::map<std::string, std::string>;  // by column; empty cells are as if the column were not there
Row row_of(const Lines& table, const std::vector<std::string>& cells) {
  Row row;
  for (std::size_t c = 0; c < cells.size(); ++c)
    if (!cells[c].empty()) row[table.heads[c]] = cells[c];
  return row;
}

std::string node_of(const Row& row, const std::vector<std::string>& levels) {
  std::string path = "total";
  for (const std::string& level : levels)
    if (const auto found = row.find(level); found != row.end()) path += "/" + found->second;
  return path;
}

bool by_id(const Lines& table) {
  if (std::find(table.heads.begin(), table.heads.end(), "id") == table.heads.end()) return false;
  std::map<std::string, int> seen;
  return std::all_of(table.rows.begin(), table.rows.end(),
                     [&](const auto& cells) { return ++seen[row_of(table, cells)["id"]] == 1; });
}

std::map<std::string, Row> rows_by_id(const Lines& table) {
  std::map<std::string, Row> rows;
  for (const auto& cells : table.rows) {
    Row row = row_of(table, cells);
    const std::string id = row["id"];
    rows.emplace(id, std::move(row));
  }
  return rows;
}

std::vector<std::string> changed_columns(const Row& before, const Row& after) {
  std::vector<std::string> columns;
  Row all = before;
  all.insert(after.begin(), after.end());
  for (const auto& [column, unused] : all) {
    const auto a = before.find(column), b = after.find(column);
    if (a == before.end() || b == after.end() || a->second != b->second) columns.push_back(column);
  }
  return columns;
}

std::size_t unequal_lines(const Lines& before, const Lines& after) {
  std::map<std::vector<std::string>, long> lines;
  for (const auto& row : before.rows) ++lines[row];
  for (const auto& row : after.rows) --lines[row];
  std::size_t count = before.heads == after.heads ? 0 : 1;
  for (const auto& [row, times] : lines) count += static_cast<std::size_t>(std::abs(times));
  return count;
}

}  // namespace

TableChange table_changes(const std::string& before, const std::string& after, const std::vector<std::string>& levels) {
  const Lines old = table_of(before), now = table_of(after);
  TableChange change;
  change.lines = unequal_lines(old, now);
  change.by_id = by_id(old) && by_id(now);
  if (!change.by_id) return change;
  const auto was = rows_by_id(old), is = rows_by_id(now);
  std::map<std::string, Row> all = is;
  all.insert(was.begin(), was.end());
  for (const auto& [id, row] : all) {
    const auto a = was.find(id), b = is.find(id);
    if (a == was.end()) {
      change.rows.push_back({id, node_of(row, levels), RowChange::Kind::added, {}});
    } else if (b == is.end()) {
      change.rows.push_back({id, node_of(row, levels), RowChange::Kind::removed, {}});
    } else if (auto columns = changed_columns(a->second, b->second); !columns.empty()) {
      change.rows.push_back({id, node_of(row, levels), RowChange::Kind::changed, std::move(columns)});
    }
  }
  return change;
}

}  // namespace tailcube
