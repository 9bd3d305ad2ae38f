// files.positions: one reader for every instrument, driven by its declared columns.
#include <algorithm>
#include <cmath>

#include "src/input/chain.h"
#include "src/input/node_tree.h"
#include "src/input/position_rows.h"
#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr std::string_view new_column = "; name it in cube.contribute_by to split expected shortfall by it";

struct Shared {  // by all tables
  explicit Shared(Reading& r)
      : reading(r), chain(r), labels(r.job.contribute_by.size()), label_found(r.job.contribute_by.size(), std::uint8_t{0}) {}
  Reading& reading;
  NodeTree tree;
  ChainReader chain;
  NameIndex ids;
  std::vector<RowSource> first_seen;      // of each id
  std::vector<NameIndex> labels;          // of each column of contribute_by
  std::vector<std::uint8_t> label_found;  // whether some table has it
  std::vector<std::string_view> headers;  // of all tables
  bool all_open = true;
};

class PositionFile {
 public:
  PositionFile(Shared& shared, const Instrument& instrument, SourceFile& file, std::uint32_t file_place, std::size_t table,
               PositionRows& rows)
      : shared_(shared),
        reading_(shared.reading),
        instrument_(instrument),
        rows_(rows),
        file_place_(file_place),
        place_(table),
        table_(file, reading_.issues, specs(shared.reading.job, instrument),
               shared.reading.levels_known ? Table::Unknown::refused : Table::Unknown::ignored, new_column) {
    level_names_.resize(reading_.job.levels.size());
    first_level_ = 1;
    currency_ = first_level_ + static_cast<int>(level_names_.size());
    quantity_ = currency_ + 1;
    obligor_ = instrument.obligor == Instrument::Credit::no ? -1 : quantity_ + 1;
    first_own_ = quantity_ + (obligor_ < 0 ? 1 : 2);
    int place = first_own_ + static_cast<int>(instrument.columns.size());
    for (std::size_t c = 0; c < reading_.job.contribute_by.size(); ++c) {
      label_.push_back(read_from_positions(reading_.job.contribute_by[c]) ? place++ : -1);
      if (label_[c] >= 0 && table_.has(label_[c])) shared.label_found[c] = 1;
    }
    shared.headers.insert(shared.headers.end(), table_.header().begin(), table_.header().end());
  }

  void read() {
    while (table_.next()) read_row();
    table_.list_defaults(reading_.job.defaults_used);
  }

 private:
  static std::vector<ColumnSpec> specs(const Job& job, const Instrument& instrument) {
    std::vector<ColumnSpec> out = {{"id", true}};
    for (const auto& level : job.levels) out.push_back({level, true});
    out.push_back({"currency"});
    out.push_back({"quantity"});
    if (instrument.obligor != Instrument::Credit::no)
      out.push_back({"obligor", instrument.obligor == Instrument::Credit::required});
    for (const auto& column : instrument.columns) out.push_back({column.name, !column.otherwise.has_value()});
    for (const auto& column : job.contribute_by)
      if (read_from_positions(column)) out.push_back({column.name});
    return out;
  }

  void read_row() {
    const std::string_view id = table_.id(0);
    const RowSource source = here();
    const std::uint32_t leaf = read_leaf();
    const FactorIndex currency = read_currency();
    foreign_ = !is_none(currency);
    const double quantity = table_.number(quantity_, any, 1.0);
    const ObligorIndex obligor =
        obligor_ < 0 ? ObligorIndex{none} : read_obligor(obligor_, instrument_.obligor == Instrument::Credit::required);
    for (std::size_t c = 0; c < instrument_.columns.size(); ++c) read_cell(c);
    for (std::size_t c = 0; c < label_.size(); ++c)
      if (label_[c] >= 0) rows_.labels[c].push_back(read_label(c));
    if (!id.empty()) {
      const auto [place, fresh] = shared_.ids.insert(id);
      if (fresh)
        shared_.first_seen.push_back(source);
      else
        table_.error(0, in_quotes(id) + " is there twice, first at " + shown_source(shared_.first_seen[place]));
    }
    if (instrument_.publish) shared_.chain.offer(place_, rows_.size(), id, source);
    rows_.add(id, leaf, currency, quantity, obligor, source, table_.row_good());
  }

  RowSource here() const { return {file_place_, static_cast<std::uint32_t>(table_.line())}; }
  std::string shown_source(const RowSource& source) const {
    return reading_.files.all()[source.file].shown + ":" + std::to_string(source.line);
  }

  std::uint32_t read_leaf() {
    bool good = true;
    for (std::size_t i = 0; i < level_names_.size(); ++i) {
      level_names_[i] = table_.id(first_level_ + static_cast<int>(i));
      good = good && is_id(level_names_[i]);
    }
    return good ? shared_.tree.leaf(level_names_) : 0;
  }

  FactorIndex read_currency() {
    const std::string_view name = table_.cell(currency_);
    if (name.empty()) {
      table_.count_default(currency_, reading_.job.currency);
      return FactorIndex{none};
    }
    if (name == reading_.job.currency || reading_.job.currency.empty()) return FactorIndex{none};
    const std::uint32_t place = reading_.currencies.find(name);
    if (place == none) {
      table_.error(currency_, in_quotes(name) + " is neither the job's currency nor in [currency]" +
                                  reading_.issues.suggest(name, reading_.currencies.names()));
    } else if (!instrument_.foreign_currency) {
      table_.error(currency_, in_quotes(name) + ": this type must be in the job's currency");
    }
    return place == none ? FactorIndex{none} : reading_.currency_factor[place];
  }

  ObligorIndex read_obligor(int column, bool required) {
    const std::string_view name = table_.cell(column);
    if (name.empty()) {
      if (required)
        table_.blank_error(column, "an id of files.obligors");
      else
        table_.count_default(column, "none");
      return ObligorIndex{none};
    }
    const std::uint32_t place = reading_.obligors.index.find(name);
    if (place == none && reading_.obligors.known)
      table_.error(column, in_quotes(name) + " is not in files.obligors" +
                               reading_.issues.suggest(name, reading_.obligors.index.names()));
    return ObligorIndex{place};
  }

  std::uint32_t read_label(std::size_t c) {
    std::string_view value = table_.cell(label_[c]);
    if (value.empty() && table_.name(label_[c]) == "currency") value = reading_.job.currency;
    if (value.empty()) return none;
    if (is_stand_in(value)) table_.error(label_[c], stand_in(value));
    return shared_.labels[c].insert(value).first;
  }

  void read_cell(std::size_t c) {
    const Column& column = instrument_.columns[c];
    const int place = first_own_ + static_cast<int>(c);
    if (column.of_published_value && !reading_.job.published_values) return;
    switch (column.kind) {
      case CellKind::number:
        store(rows_.numbers[c], table_.number(place, column.allowed, column.otherwise), column, place);
        break;
      case CellKind::word:
        store(rows_.numbers[c], column.words.empty() ? read_count(column, place) : read_word(column, place), column, place);
        break;
      case CellKind::factor:
        rows_.references[c].push_back(
            static_cast<std::uint32_t>(column.or_published ? read_price(column, place, c) : read_factor(column, place)));
        break;
      case CellKind::curve:
        rows_.references[c].push_back(read_curve(column, place));
        break;
      case CellKind::rate:
        read_rate(column, place, c);
        break;
      case CellKind::obligor:
        rows_.references[c].push_back(static_cast<std::uint32_t>(read_obligor(place, !column.otherwise)));
        break;
      case CellKind::name:
        rows_.names[c].push_back(read_name(column, place));
        break;
      case CellKind::pool:
        if (!blank(column, place, "the path of a node"))
          shared_.chain.want_pool({place_, c, rows_.size(), table_.cell(place), here()});
        rows_.references[c].push_back(none);
        break;
      case CellKind::account:
        if (!blank(column, place, "an id")) shared_.chain.want_account({place_, c, rows_.size(), table_.id(place), here()});
        rows_.references[c].push_back(none);
        break;
      case CellKind::schedule:
        rows_.references[c].push_back(read_schedule(column, place));
        break;
    }
  }

  // A column that no table of the type has had so far is left empty: Positions says by that that every cell is its default.
  void store(std::vector<double>& numbers, double value, const Column& column, int place) {
    if (column.otherwise && !table_.has(place) && numbers.empty()) return;
    if (numbers.size() < rows_.size()) numbers.resize(rows_.size(), *column.otherwise);
    numbers.push_back(value);
  }

  std::uint32_t read_schedule(const Column& column, int place) {
    if (blank(column, place, "times and shares")) return none;
    ShareSchedule schedule;
    if (const std::string problem = schedule_problem(table_.cell(place), column.allowed, schedule); !problem.empty())
      return table_.error(place, problem), none;
    return rows_.place(schedule);
  }

  StreamId read_name(const Column& column, int place) {
    if (!table_.cell(place).empty()) return stream(column.name, table_.id(place));
    if (column.otherwise)
      table_.count_default(place, "blank");
    else
      table_.blank_error(place, "an id");
    return StreamId{0};
  }

  double read_count(const Column& column, int place) {
    const double value = table_.number(place, column.allowed, column.otherwise);
    if (value != std::floor(value) || std::abs(value) > 1e9)
      table_.error(place,
                   in_quotes(table_.cell(place)) + " is not a whole number; allowed: " + std::string(column.allowed.words));
    return value;
  }

  double read_word(const Column& column, int place) {
    const std::string_view text = table_.cell(place);
    if (text.empty()) {
      if (!column.otherwise) return table_.blank_error(place, listed(column.words)), 0.0;
      table_.count_default(place, split_words(column.words)[static_cast<std::size_t>(*column.otherwise)]);
      return *column.otherwise;
    }
    const int word = place_of(text, column.words);
    if (word >= 0) return word;
    if (place_of(text, column.refused) >= 0)
      table_.error(place, in_quotes(text) + " is " + std::string(not_available) + "; allowed: " + listed(column.words));
    else
      table_.error(place, in_quotes(text) + " is not " + listed(column.words) +
                              reading_.issues.suggest(text, split_words(column.words)));
    return 0;
  }

  // True if the cell is blank; then the default was counted or the blank reported.
  bool blank(const Column& column, int place, std::string_view rule) {
    if (!table_.cell(place).empty()) return false;
    if (column.otherwise)
      table_.count_default(place, "blank");
    else
      table_.blank_error(place, rule);
    return true;
  }
  FactorIndex find_factor(int place) {
    return reading_.factor(table_.cell(place), Reading::Want::market_factor,
                           [&](std::string why) { table_.error(place, std::move(why)); });
  }
  // A column's range is that of the factor's value today.
  FactorIndex read_factor(const Column& column, int place) {
    if (blank(column, place, "the id of a factor")) return FactorIndex{none};
    const FactorIndex factor = find_factor(place);
    if (is_none(factor) || !reading_.factor_good[static_cast<std::size_t>(factor)]) return factor;
    const double today = reading_.job.market.factors[static_cast<std::size_t>(factor)].initial;
    if (!(today >= column.allowed.lower && today <= column.allowed.upper))
      table_.error(place, in_quotes(table_.cell(place)) + " is " + shown(today) + " today, which is not " +
                              std::string(column.allowed.words));
    return factor;
  }
  // What is no factor may be the price of a position that is read later.
  FactorIndex read_price(const Column& column, int place, std::size_t c) {
    const std::string_view name = table_.cell(place);
    if (name.empty() || !reading_.factors.known || reading_.factors.index.find(name) != none)
      return read_factor(column, place);
    shared_.chain.want_price({place_, c, rows_.size(), name, here(), foreign_});
    return FactorIndex{none};
  }
  std::uint32_t read_curve(const Column& column, int place) {
    if (blank(column, place, "the name of a curve")) return none;
    const std::string_view name = table_.cell(place);
    const std::uint32_t found = reading_.curves.index.find(name);
    if (found == none && reading_.curves.known)
      table_.error(
          place, in_quotes(name) + " is not in files.curves" + reading_.issues.suggest(name, reading_.curves.index.names()));
    return found;
  }
  void read_rate(const Column& column, int place, std::size_t c) {
    double number = std::nan("");
    FactorIndex factor{none};
    double parsed = 0;
    if (!blank(column, place, "a number or the id of a factor")) {
      if (parse_number(table_.cell(place), parsed) != NumberText::no_number)
        number = table_.number(place, column.allowed);
      else
        factor = find_factor(place);
    }
    rows_.numbers[c].push_back(number);
    rows_.references[c].push_back(static_cast<std::uint32_t>(factor));
  }

  Shared& shared_;
  Reading& reading_;
  const Instrument& instrument_;
  PositionRows& rows_;
  std::uint32_t file_place_;
  std::size_t place_;  // among all tables
  Table table_;
  std::vector<std::string_view> level_names_;
  std::vector<int> label_;  // of each column of contribute_by, -1: not in the table
  bool foreign_ = false;    // the row's currency is not the job's
  int first_level_ = 1, currency_ = 0, quantity_ = 0, obligor_ = -1, first_own_ = 0;
};

void read_type(Shared& shared, Section& section, const toml::node& node, const Instrument& instrument,
               std::vector<PositionRows>& tables) {
  Reading& reading = shared.reading;
  PositionRows rows(instrument, shared.labels.size());
  const auto read_one = [&](const toml::node& name) {
    SourceFile* file = reading.open(section, name, instrument.name);
    const auto place = static_cast<std::uint32_t>(reading.files.all().size() - 1);
    shared.all_open = shared.all_open && file != nullptr;
    if (file) PositionFile(shared, instrument, *file, place, tables.size(), rows).read();
  };
  if (const auto* list = node.as_array()) {
    for (const auto& name : *list) read_one(name);
  } else {
    read_one(node);
  }
  tables.push_back(std::move(rows));
}

void unknown_type(Reading& reading, Section& section, std::string_view type, const toml::source_region& where) {
  std::vector<std::string_view> known;
  for (const auto* instrument : instruments()) known.push_back(instrument->name);
  reading.issues.add(
      reading.toml.issue(where, section.dotted(type), "unknown instrument type" + reading.issues.suggest(type, known)));
}

// Sorts the values of each column; tables then count in that order.
void sort_labels(const Shared& shared, Job& job) {
  for (std::size_t c = 0; c < shared.labels.size(); ++c) {
    const std::vector<std::string_view>& values = shared.labels[c].names();
    std::vector<std::uint32_t> rank(values.size());
    for (const std::uint32_t place : sorted_places(values)) {
      rank[place] = static_cast<std::uint32_t>(job.contribute_by[c].values.size());
      job.contribute_by[c].values.emplace_back(values[place]);
    }
    for (PositionTable& table : job.tables)
      for (std::uint32_t& label : table.positions.labels[c])
        if (label != none) label = rank[label];
  }
}

}  // namespace

void read_positions(Reading& reading, Section& files) {
  files.find("positions");
  Section section(reading.context(), "files.positions");
  Shared shared(reading);
  std::vector<PositionRows> tables;
  for (const auto& entry : section.table()) {
    const auto all = instruments();
    const toml::key& type = entry.first;
    if (std::none_of(all.begin(), all.end(), [&](const Instrument* i) { return i->name == type.str(); }))
      unknown_type(reading, section, type.str(), type.source());
  }
  for (const auto* instrument : instruments())
    if (const auto* node = section.table().get(instrument->name)) read_type(shared, section, *node, *instrument, tables);
  if (section.table().empty())
    files.missing("positions", "at least one table, for instance positions.exposure = \"exposures.csv\"");

  shared.chain.look_up(tables, shared.tree);
  NodeTree::Finished tree = shared.tree.finish(shared.chain.outside());
  if (tree.leaf.empty()) tree.leaf.push_back(NodeIndex{0});  // no levels, or no usable row
  reading.job.nodes = std::move(tree.nodes);
  std::vector<Factor> factors = reading.job.market.factors;
  factors.resize(factors.size() + shared.chain.rows(), Factor{.process = Process::normal});  // whose law nobody knows
  for (auto& rows : tables) {
    if (rows.size() == 0) continue;
    reading.job.tables.push_back({rows.instrument, rows.finish(tree.leaf)});
    rows.check(reading.job.tables.back().positions, factors, reading.files, reading.issues, reading.job.warnings);
  }
  shared.chain.link(tables, shared.tree);
  sort_labels(shared, reading.job);
  if (shared.all_open) check_contribute_by(reading, shared.label_found, shared.headers);
  if (reading.issues.total() == 0 && reading.job.tables.empty())
    reading.issues.add({reading.files.all().front().shown, 0, 0, "files.positions", "the tables hold no position"});
}

}  // namespace tailcube
