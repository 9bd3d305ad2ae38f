#pragma once
// The state of one read_job, and its stages in their order: later ones look up what earlier ones named.
#include <filesystem>
#include <string>
#include <vector>

#include "src/input/files.h"
#include "src/input/names.h"
#include "src/input/section.h"
#include "src/input/table.h"

namespace tailcube {

inline constexpr int largest_steps = 65535;  // Default::step has 16 bits

// Names that others refer to. Not `known` when their file could not be used: then no reference is called missing.
struct Names {
  NameIndex index;
  bool known = true;
};

struct Reading {
  std::filesystem::path folder;  // of the job file
  Issues issues;
  Files files;
  TomlFile toml;
  Job job;
  Names factors, curves, obligors;        // places are FactorIndex, CurveIndex, ObligorTable rows
  std::vector<std::uint8_t> factor_good;  // of each factor: its row had no error
  std::vector<std::string> factor_place;  // of each factor: "factors.csv:7"
  NameIndex currencies;                   // of [currency]
  std::vector<FactorIndex> currency_factor;
  int last_step = largest_steps;               // time.steps, or the largest there can be where that was wrong
  bool levels_known = false;                   // job.levels and contribute_by name every such column
  const toml::array* contributions = nullptr;  // cube.contributions where it is a list; otherwise the word
  int contributions_word = 0;
  const toml::array* outside = nullptr;        // cube.outside
  const toml::array* contribute_by = nullptr;  // cube.contribute_by where it is a list
  bool correlation_known = false;              // job.market.correlation is complete

  SectionContext context() { return {toml, issues, job.defaults_used}; }
  // The file named by a value of [files] or [[stress]]; null after an issue.
  SourceFile* open(Section&, const toml::node&, std::string_view key);
  // FactorIndex of a name that must be a market factor (not a driver), a driver, or either; reports through `complain`.
  enum class Want { market_factor, driver, either };
  template <class Complain>
  FactorIndex factor(std::string_view name, Want want, Complain complain) {
    if (!factors.known) return FactorIndex{none};
    const std::uint32_t place = factors.index.find(name);
    if (place == none) {
      complain(in_quotes(name) + " is not in files.factors" + issues.suggest(name, factors.index.names()));
      return FactorIndex{none};
    }
    const bool is_driver = job.market.factors[place].process == Process::driver;
    if (!factor_good[place] || want == Want::either || is_driver == (want == Want::driver)) return FactorIndex{place};
    complain(in_quotes(name) +
             (is_driver ? " is a driver; a market factor is needed" : " is a market factor; a driver is needed"));
    return FactorIndex{none};
  }
};

void read_settings(Reading&);                     // [run] [time] [cube] [credit] [sampling]
void read_factors(Reading&, Section& files);      // factors.csv
void read_currencies(Reading&);                   // [currency]
void read_correlation(Reading&, Section& files);  // [market], correlation.csv
void read_curves(Reading&, Section& files);
void read_obligors(Reading&, Section& files);  // ratings.csv, obligors.csv
void read_positions(Reading&, Section& files);
void read_contributions(Reading&, Section& cube);
void find_contributions(Reading&);  // once the nodes are known
void read_contribute_by(Reading&, Section& cube);
bool read_from_positions(const ContributionColumn&);  // its values are cells of the tables of positions, where they have it
// Values that the cube gives another meaning to, and what to say of them.
inline bool is_stand_in(std::string_view value) { return value == no_value || value == other_values; }
inline std::string stand_in(std::string_view value) {
  return in_quotes(value) + " stands for something else in the cube; take another name";
}
// Once all tables were read: whether some table had the column, and which columns there are.
void check_contribute_by(Reading&, const std::vector<std::uint8_t>& found, const std::vector<std::string_view>& headers);
void read_stress(Reading&);                                      // [[stress]], [[stress_axis]], paths
void list_warnings(Reading&);                                    // of a job without errors
void identify(Reading&, std::span<const std::string> settings);  // digests

}  // namespace tailcube
