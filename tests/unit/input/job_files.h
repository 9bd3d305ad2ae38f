#pragma once
// A small valid job in a folder of its own, to be spoilt by tests.
#include <sys/types.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "src/input/input.h"

namespace tailcube::test {

struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tailcube-input-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the test replaces what is not there: " + from);
  return text.replace(at, from.size(), to);
}

using JobFiles = std::map<std::string, std::string>;

inline JobFiles valid_job() {
  return {{"job.toml",
           "[run]\n"                                                                                              // 1
           "name = \"demo\"\n"                                                                                    // 2
           "seed = 42\n"                                                                                          // 3
           "scenarios = 1_000_000\n"                                                                              // 4
           "currency = \"USD\"\n"                                                                                 // 5
           "as_of = 2026-11-22\n"                                                                                 // 6
           "[time]\n"                                                                                             // 7
           "step = \"1M\"\n"                                                                                      // 8
           "steps = 12\n"                                                                                         // 9
           "report = [1, 3, 12]\n"                                                                                // 10
           "[files]\n"                                                                                            // 11
           "factors = \"factors.csv\"\n"                                                                          // 12
           "correlation = \"correlation.csv\"\n"                                                                  // 13
           "curves = \"curves.csv\"\n"                                                                            // 14
           "ratings = \"ratings.csv\"\n"                                                                          // 15
           "obligors = \"obligors.csv\"\n"                                                                        // 16
           "positions.exposure = [\"exposures.csv\", \"more.csv\"]\n"                                             // 17
           "[currency]\n"                                                                                         // 18
           "EUR = \"EURUSD\"\n"                                                                                   // 19
           "[market]\n"                                                                                           // 20
           "uncorrelated = [\"TECH\"]\n"                                                                          // 21
           "[cube]\n"                                                                                             // 22
           "levels = [\"book\", \"pool\"]\n"                                                                      // 23
           "confidence = [0.95, 0.990, 0.999]\n"                                                                  // 24
           "[credit]\n"                                                                                           // 25
           "timing = \"adapted\"\n"                                                                               // 26
           "[[stress]]\n"                                                                                         // 27
           "name = \"base\"\n"                                                                                    // 28
           "[[stress]]\n"                                                                                         // 29
           "name = \"severe\"\n"                                                                                  // 30
           "path = \"path.csv\"\n"                                                                                // 31
           "shocks = [{ factor = \"BTC\", multiply = 0.7 },\n"                                                    // 32
           "  { factor = \"UST\", add = 0.02, from = 1, to = 4 },\n"                                              // 33
           "  { driver = \"SME\", set = -2.5 },\n"                                                                // 34
           "  { factor = \"BTC\", set = 5e4, on = \"initial\" }]\n"                                               // 35
           "propagate = true\n"                                                                                   // 36
           "[[stress_axis]]\n"                                                                                    // 37
           "name = \"btc\"\n"                                                                                     // 38
           "levels = [{ name = \"0\" }, { name = \"-50%\", shocks = [{ factor = \"BTC\", multiply = 0.5 }] }]\n"  // 39
           "[[stress_axis]]\n"                                                                                    // 40
           "name = \"rates\"\n"                                                                                   // 41
           "levels = [{ name = \"0\" }, { name = \"+2%\", shocks = [{ factor = \"UST\", add = 0.02 }] }]\n"},     // 42
          {"factors.csv",
           "id,kind,initial,drift,volatility,reversion,level,jump_rate,jump_mean,jump_volatility\n"
           "UST,ou,0.04,,0.01,0.3,0.035,,,\n"
           "BTC,lognormal,100000,0.05,0.6,,,12,-0.02,0.05\n"
           "EURUSD,lognormal,1.1,,0.08,,,,,\n"
           "SPREAD,normal,0.02,0.001,0.005,,,,,\n"
           "OIL,log_ou,80,,0.3,1.5,4.4,,,\n"
           "SME,driver,,,,,,,,\n"
           "TECH,driver,,,,,,,,\n"},
          {"correlation.csv",
           "id,BTC,EURUSD,OIL,SME,SPREAD,UST\n"
           "BTC,1,0.1,0.2,0.3,-0.1,0\n"
           "EURUSD,0.1,1,0.1,0,0,0\n"
           "OIL,0.2,0.1,1,0.1,0,0.1\n"
           "SME,0.3,0,0.1,1,-0.4,0\n"
           "SPREAD,-0.1,0,0,-0.4,1,0.2\n"
           "UST,0,0,0.1,0,0.2,1\n"},
          {"curves.csv", "curve,tenor_years,factor\nUSD,10,SPREAD\nUSD,1,UST\nAAA,5,UST\n"},
          {"ratings.csv", "rating,pd_1y\nBBB,0.002\nB-,0.08\n"},
          {"obligors.csv",
           "id,pd_1y,rating,hazard,driver,asset_correlation,loadings,lgd,lgd_sd,lgd_correlation,recovery_delay_years,days_"
           "past_due,sector,country\n"
           "O3,,B-,,,,SME:0.3 TECH:-0.4,0.45,,,,,,\n"
           "O1,0.01,,,SME,0.25,,0.6,0,,,,Retail,DE\n"
           "O2,,,0.02,,,,0.4,,,,,,FR\n"},
          {"exposures.csv",
           "id,book,pool,currency,quantity,obligor,ead\n"
           "P2,credit,b,,,O3,200\n"
           "P1,credit,a-1,EUR,-2,O1,100.5\n"
           "P3,credit,a,USD,1,O1,300\n"},
          {"more.csv", "id,ead,obligor,pool,book\nP0,1e6,O2,z,bank\n"},
          {"path.csv", "step,UST,EURUSD\n0,0.04,1.1\n3,0.05,\n12,0.06,0.9\n"}};
}

inline void write(const Folder& folder, const JobFiles& files) {
  for (const auto& [name, text] : files) {
    std::filesystem::create_directories((folder.path / name).parent_path());
    std::ofstream(folder.path / name, std::ios::binary) << text;
  }
}

inline Job read(const JobFiles& files, const std::vector<std::string>& settings = {}) {
  const Folder folder;
  write(folder, files);
  return read_job(folder.path / "job.toml", settings);
}

// The messages without the folder, and the exit code; no messages and 0 if the job is valid.
struct Outcome {
  int exit_code = 0;
  std::size_t total = 0;
  std::vector<std::string> messages;
};
inline Outcome outcome_in(const Folder& folder, const std::vector<std::string>& settings = {}) {
  try {
    read_job(folder.path / "job.toml", settings);
    return {};
  } catch (const InvalidInput& invalid) {
    Outcome out{invalid.exit_code, invalid.total, {}};
    for (const auto& issue : invalid.issues) {
      std::string text = to_string(issue);
      const std::string prefix = folder.path.string() + "/";
      for (std::size_t at; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
      out.messages.push_back(text);
    }
    return out;
  }
}
inline Outcome outcome(const JobFiles& files, const std::vector<std::string>& settings = {}) {
  const Folder folder;
  write(folder, files);
  return outcome_in(folder, settings);
}

}  // namespace tailcube::test
