#pragma once
// The job file as a tree, with --set applied, and where everything in it was written.
#include <toml++/toml.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/input/files.h"

namespace tailcube {

class TomlFile {
 public:
  // False after reporting the first syntax error; wrong --set arguments are reported one by one.
  bool parse(const SourceFile&, std::span<const std::string> settings, Issues&);
  const toml::table& root() const { return root_; }
  // An issue about what has this dotted name: in the file, or in the --set argument it came from.
  Issue issue(const toml::source_region&, std::string name, std::string text) const;
  // The number as it was written: 0.999, not the nearest double.
  std::string number_text(const toml::node&, std::string_view name) const;

 private:
  struct Setting {
    std::string key, argument, document;  // "run.seed", "--set run.seed=7", "value = 7"
  };
  const Setting* setting_of(std::string_view name) const;
  void apply(const std::string& setting, Issues&);
  const SourceFile* file_ = nullptr;
  toml::table root_;
  std::vector<Setting> settings_;
};

// The tree in one form whatever its layout: a line `dotted.key = value` per leaf, sorted. It is TOML and reads back as the
// same.
std::string canonical(const toml::table&);
std::string canonical(const toml::node& value);

}  // namespace tailcube
