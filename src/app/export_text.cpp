#include <cmath>

#include "src/app/export_rows.h"
#include "src/report/json.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

constexpr std::size_t chunk = std::size_t{1} << 20;

struct CsvText {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(double value) const { return shortest(value); }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const { return csv_cell(text); }
  std::string operator()(const std::vector<std::string>& names) const {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : " ") + name;
    return all;
  }
};

struct JsonText {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(double value) const { return std::isfinite(value) ? shortest(value) : "null"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const { return json_value(text); }
  std::string operator()(const std::vector<std::string>& names) const { return json_value(names); }
};

}  // namespace

void export_csv(const ExportRows& rows, const std::function<void(std::string_view)>& write) {
  std::string text;
  for (const std::string& column : rows.columns()) text += (text.empty() ? "" : ",") + column;
  text += "\n";
  rows.each([&](const std::vector<ExportValue>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      text += std::visit(CsvText{}, row[i]);
    }
    text += "\n";
    if (text.size() < chunk) return;
    write(text);
    text.clear();
  });
  write(text);
}

void export_json(const ExportRows& rows, const std::string& about, const std::function<void(std::string_view)>& write) {
  std::string text = "{\n\"cube\": " + about + ",\n\"rows\": [";
  bool first = true;
  rows.each([&](const std::vector<ExportValue>& row) {
    text += first ? "\n{" : ",\n{";
    first = false;
    for (std::size_t i = 0; i < row.size(); ++i)
      text += (i > 0 ? ", \"" : "\"") + rows.columns()[i] + "\": " + std::visit(JsonText{}, row[i]);
    text += "}";
    if (text.size() < chunk) return;
    write(text);
    text.clear();
  });
  write(text + "\n]\n}\n");
}

}  // namespace tailcube
