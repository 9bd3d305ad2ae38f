#pragma once
// One table of the job file under reading: typed values with ranges, defaults listed, unknown keys reported.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/instruments/instrument.h"
#include "src/input/toml_file.h"

namespace tailcube {

// What every section shares.
struct SectionContext {
  const TomlFile& toml;
  Issues& issues;
  std::vector<std::string>& defaults;  // "cube.tail = exact"
};

struct IntegerRange {
  std::int64_t lower, upper;
};

class Section {
 public:
  // The table at a dotted name from the root; an absent one reads as empty.
  Section(SectionContext, std::string path);
  // A table inside an array: path is "stress[0]".
  Section(SectionContext, const toml::table&, std::string path);
  ~Section() = default;
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  // A value or its default; without a default the key is required. What is wrong is reported and the default or the lower
  // bound returned, so that reading goes on.
  std::int64_t integer(std::string_view key, IntegerRange, std::optional<std::int64_t> otherwise = {});
  double number(std::string_view key, const Range&, std::optional<double> otherwise = {});
  bool boolean(std::string_view key, bool otherwise);
  // Place of the word in "gaussian|t"; `refused` words are known to the format but not available in this version.
  int word(std::string_view key, std::string_view words, std::string_view refused, int otherwise);
  std::string text(std::string_view key, std::optional<std::string_view> otherwise = {});

  // For what needs more than that: the node, or null. Marks the key as known.
  const toml::node* find(std::string_view key);
  void missing(std::string_view key, std::string_view rule);
  void wrong(const toml::node&, std::string_view key, std::string_view rule);  // "<value> is not <rule>"
  void error(const toml::node&, std::string_view key, std::string text);
  void use_default(std::string_view key, std::string_view value);
  std::string dotted(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  const toml::table& table() const { return *table_; }
  const toml::source_region& where() const { return where_; }

  // Reports every key that nobody asked for. `hint` says more about a key, or returns an empty text.
  void finish();

 private:
  SectionContext context_;
  std::string path_;
  const toml::table* table_;
  toml::source_region where_;
  std::vector<std::string_view> known_;
};

// "a, b or c" of "a|b|c"; the place of a word in it, or -1.
std::string listed(std::string_view words);
int place_of(std::string_view word, std::string_view words);
std::vector<std::string_view> split_words(std::string_view words);
inline constexpr std::string_view not_available = "not available in this version";

}  // namespace tailcube
