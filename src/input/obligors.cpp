// ratings.csv and obligors.csv.
#include <algorithm>
#include <cmath>

#include "kernels/math/functions.h"
#include "src/input/reading.h"

namespace tailcube {
namespace {

enum ObligorColumn {
  id,
  pd_1y,
  rating,
  hazard,
  driver,
  asset_correlation,
  loadings,
  lgd,
  lgd_sd,
  lgd_correlation,
  recovery_delay_years,
  days_past_due,
  sector,
  country
};
const std::vector<ColumnSpec> obligor_columns = {{"id", true},
                                                 {"pd_1y"},
                                                 {"rating"},
                                                 {"hazard"},
                                                 {"driver"},
                                                 {"asset_correlation"},
                                                 {"loadings"},
                                                 {"lgd", true},
                                                 {"lgd_sd"},
                                                 {"lgd_correlation"},
                                                 {"recovery_delay_years"},
                                                 {"days_past_due"},
                                                 {"sector"},
                                                 {"country"}};
constexpr Range probability{0, 1 - 0x1p-53, "at least 0 and below 1"};
constexpr Range intensity{0, 36, "between 0 and 36"};  // exp(-36) is the last that 1 - pd_1y can tell from 0
constexpr Range delay{0, 100, "between 0 and 100"};
constexpr Range days{0, 36500, "a whole number from 0 to 36500"};

struct Ratings {
  NameIndex index;
  std::vector<double> pd;
  std::vector<std::vector<DefaultBy>> term;  // of each rating; empty: its hazard is constant
  bool known = true;                         // false: their file could not be used
  bool given = false;
};

// ratings.csv: rating, pd_1y, and pd_2y ... pd_100y as there are.
class RatingReader {
 public:
  static Table open(SourceFile& file, Issues& issues, std::vector<std::string>& names) {
    for (int year = 2; year <= last_year; ++year) names.push_back("pd_" + std::to_string(year) + "y");
    std::vector<ColumnSpec> columns = {{"rating", true}, {"pd_1y", true}};
    for (const std::string& name : names) columns.push_back({name});
    return {file, issues, std::move(columns)};
  }
  RatingReader(Reading& reading, SourceFile& file, Ratings& out)
      : reading_(reading), table_(open(file, reading.issues, names_)), out_(out) {}

  void read() {
    while (table_.next()) {
      const std::string_view name = table_.id(0);
      std::vector<DefaultBy> term = probabilities();
      if (name.empty()) continue;
      if (!out_.index.insert(name).second) {
        table_.error(0, in_quotes(name) + " is there twice");
        continue;
      }
      out_.pd.push_back(term[0].probability);
      if (term.size() == 1) term.clear();
      out_.term.push_back(std::move(term));
    }
    out_.known = table_.has(0) && table_.complete();
    table_.list_defaults(reading_.job.defaults_used);
  }

 private:
  static constexpr int last_year = 100;

  // By the years that are given, from the first on.
  std::vector<DefaultBy> probabilities() {
    std::vector<DefaultBy> term = {{1, table_.number(1, probability)}};
    bool good = table_.row_good();
    for (int year = 2; year <= last_year; ++year) {
      if (!table_.has(year)) continue;
      if (table_.cell(year).empty()) {
        table_.count_default(year, "none: the hazard does not change then");
        continue;
      }
      const double pd = table_.number(year, probability);
      good = good && table_.row_good();
      if (good && pd < term.back().probability)
        table_.error(year, std::string(table_.cell(year)) + " is below " + shown(term.back().probability) + ", pd_" +
                               shown(term.back().years) + "y: cumulative probabilities do not fall with the years");
      term.push_back({static_cast<double>(year), pd});
    }
    return term;
  }

  Reading& reading_;
  std::vector<std::string> names_;
  Table table_;
  Ratings& out_;
};

Ratings read_ratings(Reading& reading, Section& files) {
  Ratings out;
  const auto* node = files.find("ratings");
  if (!node) return out;
  out.given = true;
  SourceFile* file = reading.open(files, *node, "ratings");
  out.known = file != nullptr;
  if (file) RatingReader(reading, *file, out).read();
  return out;
}

class ObligorReader {
 public:
  ObligorReader(Reading& reading, SourceFile& file, const Ratings& ratings)
      : reading_(reading), ratings_(ratings), table_(file, reading.issues, obligor_columns) {}

  void read() {
    const bool any_pd = table_.has(pd_1y) || table_.has(rating) || table_.has(hazard);
    if (!any_pd)
      reading_.issues.add(
          {table_.file().shown, table_.line(), 0, "pd_1y", "one of the columns pd_1y, rating, hazard is required"});
    while (table_.next()) {
      const std::string_view name = table_.id(id);
      const Law law = any_pd ? law_of_row() : Law{};
      auto terms = loadings_of_row();
      const Loss loss = loss_given_default();
      const double wait = table_.number(recovery_delay_years, delay, 0);
      const double late = days_late();
      if (name.empty()) continue;
      if (!found_.insert(name).second) {
        table_.error(id, in_quotes(name) + " is there twice");
        continue;
      }
      laws_.push_back(law);
      loadings_.push_back(std::move(terms));
      loss_.push_back(loss);
      delay_.push_back(wait);
      days_past_due_.push_back(late);
      sector_.push_back(text(sector));
      country_.push_back(text(country));
    }
    reading_.obligors.known = table_.has(id) && table_.complete();
    table_.list_defaults(reading_.job.defaults_used);
    store();
  }

 private:
  struct Law {
    double pd_1y = 0;
    std::uint32_t rating = none;  // where it comes from one
  };
  Law law_of_row() {
    int given = 0;
    for (const int column : {pd_1y, rating, hazard}) given += !table_.cell(column).empty();
    if (given != 1) {
      table_.error(pd_1y, given == 0 ? "blank; one of pd_1y, rating, hazard is required"
                                     : "only one of pd_1y, rating, hazard may be given");
      return {};
    }
    if (!table_.cell(pd_1y).empty()) return {table_.number(pd_1y, probability)};
    if (!table_.cell(hazard).empty()) return {-expm1(-table_.number(hazard, intensity))};
    const std::string_view name = table_.cell(rating);
    const std::uint32_t place = ratings_.index.find(name);
    if (place != none) return {ratings_.pd[place], place};
    if (!ratings_.given)
      table_.error(rating, in_quotes(name) + " needs a table of ratings; files.ratings names none");
    else if (ratings_.known)
      table_.error(rating,
                   in_quotes(name) + " is not in files.ratings" + reading_.issues.suggest(name, ratings_.index.names()));
    return {};
  }

  std::vector<Loading> loadings_of_row() {
    std::vector<Loading> out;
    const std::string_view list = table_.cell(loadings), name = table_.cell(driver), rho = table_.cell(asset_correlation);
    if (!list.empty()) {
      if (!name.empty() || !rho.empty())
        table_.error(loadings, "either loadings, or driver and asset_correlation; not both");
      else
        parse_loadings(list, out);
    } else if (!name.empty()) {
      const double squared = table_.number(asset_correlation, {0, 1 - 0x1p-53, "at least 0 and below 1"});
      const FactorIndex index = find_driver(name, driver);
      if (squared > 0 && !is_none(index)) out.push_back({index, std::sqrt(squared)});
    } else if (!rho.empty()) {
      table_.error(driver, "blank, but asset_correlation is given");
    } else {
      table_.count_default(loadings, "none: independent of everything");
    }
    if (out.size() > 1) check_length(out);
    return out;
  }

  FactorIndex find_driver(std::string_view name, int column) {
    return reading_.factor(name, Reading::Want::driver, [&](std::string why) { table_.error(column, std::move(why)); });
  }

  // "DRIVER:a DRIVER:b"; ids may hold colons themselves, a loading does not.
  void parse_loadings(std::string_view list, std::vector<Loading>& out) {
    while (true) {
      list.remove_prefix(std::min(list.find_first_not_of(" \t\n"), list.size()));
      if (list.empty()) break;
      const std::string_view term = list.substr(0, list.find_first_of(" \t\n"));
      list.remove_prefix(term.size());
      const std::size_t colon = term.rfind(':');
      double a = 0;
      if (colon == std::string_view::npos || parse_number(term.substr(colon + 1), a) != NumberText::number) {
        table_.error(loadings, in_quotes(term) + " is not DRIVER:loading, for instance SME:0.4");
        continue;
      }
      if (!(std::abs(a) < 1)) table_.error(loadings, in_quotes(term) + ": the loading is not above -1 and below 1");
      const FactorIndex index = find_driver(term.substr(0, colon), loadings);
      if (is_none(index)) continue;
      if (std::any_of(out.begin(), out.end(), [&](const Loading& l) { return l.driver == index; }))
        table_.error(loadings, in_quotes(term.substr(0, colon)) + " is there twice");
      else if (a != 0)
        out.push_back({index, a});
    }
    std::sort(out.begin(), out.end());
  }

  // a'Ca must leave something for the obligor itself.
  void check_length(const std::vector<Loading>& terms) {
    if (!reading_.correlation_known || !table_.row_good()) return;
    const auto& c = reading_.job.market.correlation;
    const std::size_t n = reading_.job.market.factors.size();
    double sum = 0;
    for (const auto& x : terms)
      for (const auto& y : terms)
        sum += x.loading * y.loading * c[static_cast<std::size_t>(x.driver) * n + static_cast<std::size_t>(y.driver)];
    if (!(sum < 1))
      table_.error(loadings, "the squared length a'Ca of the loadings is " + rounded(sum) + "; it must be below 1");
  }

  struct Loss {
    double mean, deviation, correlation;
  };
  // A share between 0 and 1 varies most where it is 0 or 1.
  Loss loss_given_default() {
    Loss loss{table_.number(lgd, fraction), table_.number(lgd_sd, fraction, 0), 0};
    if (loss.deviation > 0 || !table_.cell(lgd_correlation).empty())
      loss.correlation = table_.number(lgd_correlation, fraction, 0);
    const double largest = std::sqrt(loss.mean * (1 - loss.mean));
    if (loss.deviation > 0 && !(loss.deviation < largest) && table_.row_good())
      table_.error(lgd_sd,
                   std::string(table_.cell(lgd_sd)) + " is not below " + rounded(largest) +
                       ", the square root of lgd (1 - lgd): no loss between 0 and 1 with the mean lgd varies as much");
    return loss;
  }
  double days_late() {
    const double late = table_.number(days_past_due, days, 0);
    if (late != std::floor(late))
      table_.error(days_past_due, std::string(table_.cell(days_past_due)) + " is not " + std::string(days.words));
    return late;
  }

  // Equal ones once, in an order of their own: that of the ratings means nothing.
  void store_terms(std::vector<std::vector<DefaultBy>>& terms) {
    std::vector<bool> used(ratings_.term.size());
    for (const Law& law : laws_)
      if (law.rating != none) used[law.rating] = !ratings_.term[law.rating].empty();
    for (std::size_t r = 0; r < used.size(); ++r)
      if (used[r]) terms.push_back(ratings_.term[r]);
    std::sort(terms.begin(), terms.end());
    terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
    place_of_term_.assign(used.size(), none);
    for (std::size_t r = 0; r < used.size(); ++r)
      if (used[r])
        place_of_term_[r] =
            static_cast<std::uint32_t>(std::lower_bound(terms.begin(), terms.end(), ratings_.term[r]) - terms.begin());
  }
  std::uint32_t term_of(const Law& law) const { return law.rating == none ? none : place_of_term_[law.rating]; }

  std::string_view text(int column) {
    const std::string_view value = table_.cell(column);
    if (is_stand_in(value)) table_.error(column, stand_in(value));
    return value;
  }

  void store() {
    ObligorTable& out = reading_.job.obligors;
    store_terms(out.terms);
    for (const auto place : sorted_places(found_.names())) {
      reading_.obligors.index.insert(found_.names()[place]);
      out.id.emplace_back(found_.names()[place]);
      out.pd_1y.push_back(laws_[place].pd_1y);
      if (!out.terms.empty()) out.term.push_back(term_of(laws_[place]));
      out.loadings.push_back(std::move(loadings_[place]));
      out.loss_given_default.push_back(loss_[place].mean);
      out.lgd_sd.push_back(loss_[place].deviation);
      out.lgd_correlation.push_back(loss_[place].correlation);
      out.recovery_delay_years.push_back(delay_[place]);
      out.days_past_due.push_back(days_past_due_[place]);
      out.sector.emplace_back(sector_[place]);
      out.country.emplace_back(country_[place]);
    }
  }

  Reading& reading_;
  const Ratings& ratings_;
  Table table_;
  NameIndex found_;
  std::vector<Law> laws_;
  std::vector<std::uint32_t> place_of_term_;  // of each rating, among the terms that obligors have
  std::vector<double> delay_, days_past_due_;
  std::vector<std::vector<Loading>> loadings_;
  std::vector<Loss> loss_;
  std::vector<std::string_view> sector_, country_;
};

}  // namespace

void read_obligors(Reading& reading, Section& files) {
  const Ratings ratings = read_ratings(reading, files);
  const auto* node = files.find("obligors");
  if (!node) return;
  SourceFile* file = reading.open(files, *node, "obligors");
  reading.obligors.known = file != nullptr;
  if (file) ObligorReader(reading, *file, ratings).read();
}

}  // namespace tailcube
