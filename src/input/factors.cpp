// factors.csv, curves.csv and [currency].
#include <algorithm>
#include <cmath>
#include <map>

#include "src/input/reading.h"

namespace tailcube {
namespace {

enum FactorColumn { id, kind, initial, drift, volatility, reversion, level, jump_rate, jump_mean, jump_volatility };
const std::vector<ColumnSpec> factor_columns = {{"id", true},   {"kind", true},     {"initial"}, {"drift"},
                                                {"volatility"}, {"reversion"},      {"level"},   {"jump_rate"},
                                                {"jump_mean"},  {"jump_volatility"}};
constexpr std::string_view kinds = "lognormal|normal|ou|log_ou|driver";  // the order of Process
constexpr Range log_drift{-10, 10, "between -10 and 10"}, log_volatility{0, 10, "between 0 and 10"};
constexpr Range mean_reversion{0x1p-40, 1000, "positive and at most 1000"}, per_year{0, 1000, "between 0 and 1000"};

// A cell that this kind has no use for: blank, or a zero that says the same.
void unused(Table& table, int column, std::string_view why) {
  const std::string_view text = table.cell(column);
  double value = 0;
  if (text.empty() || (parse_number(text, value) == NumberText::number && value == 0)) return;
  table.error(column, in_quotes(text) + " has no meaning here: " + std::string(why) + "; leave it blank");
}

void read_jumps(Table& table, Factor& f) {
  f.jump_rate = table.number(jump_rate, per_year, 0.0);
  if (f.jump_rate > 0) {
    f.jump_mean = table.number(jump_mean, {-10, 10, "between -10 and 10"}, 0.0);
    f.jump_volatility = table.number(jump_volatility, log_volatility, 0.0);
  } else {
    for (const int column : {jump_mean, jump_volatility}) unused(table, column, "the jump_rate is zero");
  }
}

Factor read_factor(Table& table, Process process) {
  Factor f;
  f.process = process;
  const std::string why =
      "a factor of kind " + std::string(split_words(kinds)[static_cast<std::size_t>(process)]) + " does not use it";
  if (process == Process::driver) {
    for (const int column : {initial, drift, volatility, reversion, level, jump_rate, jump_mean, jump_volatility})
      unused(table, column, why);
    return f;
  }
  const bool logarithmic = process == Process::lognormal || process == Process::log_ou;
  const bool reverting = process == Process::ou || process == Process::log_ou;
  f.initial = table.number(initial, logarithmic ? positive : any);
  f.volatility = table.number(volatility, logarithmic ? log_volatility : not_negative);
  if (reverting) {
    unused(table, drift, why);
    f.reversion = table.number(reversion, mean_reversion);
    f.level = table.number(level, any);
  } else {
    f.drift = table.number(drift, process == Process::lognormal ? log_drift : any, 0.0);
    for (const int column : {reversion, level}) unused(table, column, why);
  }
  if (process == Process::lognormal) {
    read_jumps(table, f);
  } else {
    for (const int column : {jump_rate, jump_mean, jump_volatility}) unused(table, column, why);
  }
  return f;
}

Process read_kind(Table& table, Issues& issues) {
  const std::string_view text = table.cell(kind);
  const int place = place_of(text, kinds);
  if (place >= 0) return static_cast<Process>(place);
  if (text.empty())
    table.blank_error(kind, listed(kinds));
  else
    table.error(kind, in_quotes(text) + " is not " + listed(kinds) + issues.suggest(text, split_words(kinds)));
  return Process::driver;
}

void sort_factors(Reading& reading, const NameIndex& found, std::vector<Factor>& factors,
                  const std::vector<std::uint8_t>& good, const std::vector<std::string>& places) {
  for (const auto place : sorted_places(found.names())) {
    const std::string_view name = found.names()[place];
    Factor& f = factors[place];
    f.innovation = stream("factor", name);
    f.jump_count = stream("jump count", name);
    f.jump_size = stream("jump size", name);
    f.bridge = stream("bridge", name);
    f.bridge_path = stream("bridge path", name);
    f.jump_time = stream("jump time", name);
    f.jump_part = stream("jump part", name);
    reading.factors.index.insert(name);
    reading.job.factor_ids.emplace_back(name);
    reading.job.market.factors.push_back(f);
    reading.factor_good.push_back(good[place]);
    reading.factor_place.push_back(places[place]);
  }
}

}  // namespace

void read_factors(Reading& reading, Section& files) {
  const auto* node = files.find("factors");
  if (!node) files.missing("factors", "the name of a CSV file");
  SourceFile* file = node ? reading.open(files, *node, "factors") : nullptr;
  if (!file) {
    reading.factors.known = false;
    return;
  }
  Table table(*file, reading.issues, factor_columns);
  NameIndex found;
  std::vector<Factor> factors;
  std::vector<std::uint8_t> good;
  std::vector<std::string> places;
  bool usable = table.has(id);
  while (table.next()) {
    const std::string_view name = table.id(id);
    double value = 0;
    if (!name.empty() && parse_number(name, value) != NumberText::no_number)
      table.error(id,
                  in_quotes(name) + " reads as a number; a cell that takes a factor or a number could not tell them apart");
    usable = usable && is_id(name);
    const Process process = read_kind(table, reading.issues);
    Factor factor;
    factor.process = process;
    if (table.row_good()) factor = read_factor(table, process);
    if (name.empty()) continue;
    if (found.insert(name).second) {
      factors.push_back(factor), good.push_back(table.row_good());
      places.push_back(file->written + ":" + std::to_string(table.line()));
    } else {
      table.error(id, in_quotes(name) + " is there twice");
    }
  }
  reading.factors.known = usable && table.complete();
  table.list_defaults(reading.job.defaults_used);
  sort_factors(reading, found, factors, good, places);
}

void read_currencies(Reading& reading) {
  Section currency(reading.context(), "currency");
  for (const auto& entry : currency.table()) {
    const std::string_view name = entry.first.str();
    const toml::node& value = entry.second;
    currency.find(name);
    const auto complain = [&](std::string text) { currency.error(value, name, std::move(text)); };
    if (!is_id(name)) complain(in_quotes(name) + " is not " + std::string(id_rule));
    if (name == reading.job.currency) complain("this is the job's own currency");
    FactorIndex factor{none};
    if (const auto* text = value.as_string())
      factor = reading.factor(text->get(), Reading::Want::market_factor, complain);
    else
      currency.wrong(value, name, "the id of a factor");
    reading.currencies.insert(name);
    reading.currency_factor.push_back(factor);
  }
}

void read_curves(Reading& reading, Section& files) {
  const auto* node = files.find("curves");
  if (!node) return;
  SourceFile* file = reading.open(files, *node, "curves");
  reading.curves.known = file != nullptr;
  if (!file) return;
  enum { curve, tenor_years, factor };
  Table table(*file, reading.issues, {{"curve", true}, {"tenor_years", true}, {"factor", true}});
  std::map<std::string_view, std::map<double, FactorIndex>> found;
  while (table.next()) {
    const std::string_view name = table.id(curve);
    const double tenor = table.number(tenor_years, {0, 200, "between 0 and 200"});
    FactorIndex rate{none};
    if (const auto text = table.cell(factor); text.empty())
      table.blank_error(factor, "the id of a factor");
    else
      rate =
          reading.factor(text, Reading::Want::market_factor, [&](std::string why) { table.error(factor, std::move(why)); });
    if (name.empty()) continue;
    auto& pillars = found[name];
    if (table.row_good() && !pillars.emplace(tenor, rate).second)
      table.error(tenor_years, shown(tenor) + " is there twice in curve " + in_quotes(name));
  }
  reading.curves.known = table.has(curve) && table.complete();
  for (const auto& [name, pillars] : found) {
    reading.curves.index.insert(name);
    reading.job.curve_ids.emplace_back(name);
    auto& out = reading.job.market.curves.emplace_back();
    for (const auto& [tenor, rate] : pillars) out.push_back({tenor, rate});
  }
}

}  // namespace tailcube
