// [market] and correlation.csv.
#include <algorithm>
#include <cmath>

#include "kernels/market/correlation.h"
#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr double symmetry_tolerance = 1e-12;  // two decimals that were meant to be equal

// The matrix as written, in the order of its header; NaN where a cell or row is missing.
struct Matrix {
  std::vector<std::uint32_t> factor;  // of each column; `none`: not a known id
  std::vector<double> value;
  std::vector<int> row_line;  // 0: no row
  int header_line = 0;
  std::size_t size() const { return factor.size(); }
  double& at(std::size_t i, std::size_t j) { return value[i * size() + j]; }
};

class CorrelationReader {
 public:
  CorrelationReader(Reading& reading, SourceFile& file, bool repair)
      : reading_(reading), file_(file), csv_(file, reading.issues), repair_(repair) {}

  // False if the file says too little to go on.
  bool read() {
    if (!csv_.next()) return false;
    read_header();
    while (csv_.next()) read_row();
    if (!duplicates_ && !dropped_ && !csv_.dropped_any())
      for (std::size_t i = 0; i < matrix_.size(); ++i)
        if (matrix_.row_line[i] == 0 && matrix_.factor[i] != none)
          complain(0, names_.names()[i], "is in the header but has no row");
    if (!complete_) return false;
    check_shape();
    return complete_;
  }
  void place(FactorModel& market, std::size_t n) {
    for (std::size_t i = 0; i < matrix_.size(); ++i)
      for (std::size_t j = 0; j < matrix_.size(); ++j)
        market.correlation[matrix_.factor[i] * n + matrix_.factor[j]] = 0.5 * (matrix_.at(i, j) + matrix_.at(j, i));
  }
  bool has(std::string_view id) const { return names_.find(id) != none; }

 private:
  void complain(int line, std::string_view name, std::string text) {
    complete_ = false;
    reading_.issues.add({file_.shown, line, 0, std::string(name), std::move(text)});
  }
  std::uint32_t known(std::string_view name) {
    const std::uint32_t place = reading_.factors.index.find(name);
    if (place == none && reading_.factors.known)
      complain(csv_.line(), name, "not in files.factors" + reading_.issues.suggest(name, reading_.factors.index.names()));
    return place;
  }
  void read_header() {
    const auto& cells = csv_.cells();
    for (std::size_t i = 1; i < cells.size(); ++i) {
      matrix_.factor.push_back(known(cells[i]));
      if (!names_.insert(cells[i]).second) complain(csv_.line(), cells[i], "the column is there twice"), duplicates_ = true;
    }
    width_ = cells.size();
    matrix_.value.assign(matrix_.size() * matrix_.size(), std::nan(""));
    matrix_.row_line.assign(matrix_.size(), 0);
  }
  void read_row() {
    const auto& cells = csv_.cells();
    if (cells.size() != width_) {
      dropped_ = true;
      return complain(csv_.line(), "",
                      std::to_string(cells.size()) + " cells, but the header has " + std::to_string(width_));
    }
    const std::uint32_t row = names_.find(cells[0]);
    if (row == none) {
      if (known(cells[0]) != none || !reading_.factors.known) complain(csv_.line(), cells[0], "has a row but no column");
      return;
    }
    if (duplicates_) return;
    if (matrix_.row_line[row] != 0) return complain(csv_.line(), cells[0], "the row is there twice");
    matrix_.row_line[row] = csv_.line();
    for (std::size_t j = 0; j < matrix_.size(); ++j) matrix_.at(row, j) = read_cell(cells[j + 1], names_.names()[j]);
  }
  double read_cell(std::string_view text, std::string_view column) {
    const Range range{-1, 1, "between -1 and 1"};
    double value = 0;
    std::string problem = text.empty() ? "blank; required, " + std::string(range.words) : number_problem(text, range, value);
    if (!problem.empty()) complain(csv_.line(), column, std::move(problem));
    return value;
  }
  // A message per row, about its first flaw of each kind: one wrong row spoils a whole column.
  void check_shape() {
    if (repair_) return;
    const std::string advice = "; market.repair_correlation = true would repair it";
    for (std::size_t i = 0; i < matrix_.size(); ++i) {
      const auto& names = names_.names();
      if (std::abs(matrix_.at(i, i) - 1) > symmetry_tolerance)
        complain(matrix_.row_line[i], names[i], shown(matrix_.at(i, i)) + " on the diagonal; it must be 1" + advice);
      for (std::size_t j = 0; j < i; ++j)
        if (std::abs(matrix_.at(i, j) - matrix_.at(j, i)) > symmetry_tolerance)
          complain(std::max(matrix_.row_line[i], matrix_.row_line[j]),
                   matrix_.row_line[i] > matrix_.row_line[j] ? names[j] : names[i],
                   "not symmetric: " + shown(matrix_.at(i, j)) + " for " + std::string(names[i]) + ", " +
                       std::string(names[j]) + " but " + shown(matrix_.at(j, i)) + " for " + std::string(names[j]) + ", " +
                       std::string(names[i]) + advice);
    }
  }

  Reading& reading_;
  SourceFile& file_;
  Csv csv_;
  bool repair_;
  bool complete_ = true, duplicates_ = false, dropped_ = false;
  NameIndex names_;
  Matrix matrix_;
  std::size_t width_ = 0;
};

NameIndex read_uncorrelated(Reading& reading, Section& market) {
  NameIndex out;
  const auto* node = market.find("uncorrelated");
  if (!node) return market.use_default("uncorrelated", "[]"), out;
  const auto* array = node->as_array();
  if (!array) return market.wrong(*node, "uncorrelated", "a list of factors and drivers"), out;
  for (const auto& element : *array) {
    const auto* name = element.as_string();
    if (!name)
      market.wrong(element, "uncorrelated", "the id of a factor or driver");
    else if (reading.factors.known && reading.factors.index.find(name->get()) == none)
      market.error(element, "uncorrelated",
                   in_quotes(name->get()) + " is not in files.factors" +
                       reading.issues.suggest(name->get(), reading.factors.index.names()));
    else if (!out.insert(name->get()).second)
      market.error(element, "uncorrelated", in_quotes(name->get()) + " is there twice");
  }
  return out;
}

// Positive semidefinite, or made so; then the root.
void finish_correlation(Reading& reading, bool repair, const Issue& where) {
  FactorModel& market = reading.job.market;
  const std::size_t n = market.factors.size();
  if (repair) {
    NearestCorrelation nearest = nearest_correlation(market.correlation, n);
    for (std::size_t i = 0; i < nearest.matrix.size(); ++i)
      reading.job.correlation_repair =
          std::max(reading.job.correlation_repair, std::abs(nearest.matrix[i] - market.correlation[i]));
    market.correlation = std::move(nearest.matrix);
  }
  reading.correlation_known = cholesky(market.correlation, n, market.root);
  if (!reading.correlation_known) reading.issues.add(where);
}

}  // namespace

void read_correlation(Reading& reading, Section& files) {
  Section section(reading.context(), "market");
  const bool repair = section.boolean("repair_correlation", false);
  const NameIndex uncorrelated = read_uncorrelated(reading, section);
  section.finish();

  FactorModel& market = reading.job.market;
  const std::size_t n = market.factors.size();
  market.correlation.assign(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) market.correlation[i * n + i] = 1;
  const auto* node = files.find("correlation");
  SourceFile* file = node ? reading.open(files, *node, "correlation") : nullptr;
  if (node && !file) return;
  const std::size_t before = reading.issues.total();
  std::optional<CorrelationReader> reader;
  if (file) reader.emplace(reading, *file, repair);
  const bool complete = !reader || reader->read();
  std::vector<std::string_view> missing;
  for (const auto id : reading.factors.index.names())
    if (!(reader && reader->has(id)) && uncorrelated.find(id) == none) missing.push_back(id);
  if (!file && (!missing.empty() || !reading.factors.known))
    files.missing("correlation", "the name of a CSV file, unless market.uncorrelated lists every factor and driver");
  if (file && reading.factors.known)
    for (const auto id : missing)
      reading.issues.add({file->shown, 0, 0, std::string(id),
                          "is missing from the correlation matrix; add it, or list it in market.uncorrelated"});
  if (!complete || !reading.factors.known || reading.issues.total() != before) return;
  if (reader) reader->place(market, n);
  finish_correlation(
      reading, repair,
      {file ? file->shown : "", 0, 0, "",
       "the matrix is not positive semidefinite; market.repair_correlation = true would take the nearest one"});
}

}  // namespace tailcube
