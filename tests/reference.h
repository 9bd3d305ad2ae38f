#pragma once
// Reference cases: JSON files with inputs, expected numbers and tolerances, kept beside the project. Where they are absent a
// test says so and is skipped; what the project must show standing alone is copied as facts into tests/reference.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace tailcube::test {

inline std::filesystem::path reference_folder() {
  const char* given = std::getenv("TAILCUBE_REFERENCE");
  return given ? std::filesystem::path(given) : std::filesystem::path(TAILCUBE_SOURCE_DIR) / ".." / "shared" / "reference";
}

inline std::optional<nlohmann::json> reference(const std::string& name) {
  std::ifstream in(reference_folder() / (name + ".json"));
  if (!in) {
    std::cerr << "skipped: reference case " << name << " is not there (set TAILCUBE_REFERENCE to its folder)\n";
    return std::nullopt;
  }
  return nlohmann::json::parse(in);
}

}  // namespace tailcube::test
