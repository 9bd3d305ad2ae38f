#include "src/input/job_changes.h"

#include <map>
#include <stdexcept>

#include "src/input/toml_file.h"

namespace tailcube {
namespace {

struct Leaf {
  std::string value;
  int line;
};
using Leaves = std::map<std::string, Leaf>;

std::string name_of(const toml::node& element, std::size_t place) {
  if (const auto* table = element.as_table())
    for (const char* key : {"name", "id"})
      if (const auto* name = table->get_as<std::string>(key)) return name->get();
  return std::to_string(place);
}

void collect(const toml::node& node, const std::string& key, Leaves& leaves) {
  if (const auto* table = node.as_table()) {
    for (const auto& [name, value] : *table)
      collect(value, key.empty() ? std::string(name.str()) : key + "." + std::string(name.str()), leaves);
  } else if (const auto* array = node.as_array(); array != nullptr && !array->empty() && array->is_array_of_tables()) {
    std::size_t place = 0;
    for (const auto& element : *array) collect(element, key + "[" + name_of(element, place++) + "]", leaves);
  } else {
    leaves[key] = {canonical(node), static_cast<int>(node.source().begin.line)};
  }
}

toml::table parsed(const std::string& job) {
  try {
    return toml::parse(std::string_view(job));
  } catch (const toml::parse_error& error) {
    throw std::runtime_error("the job in the cube is no TOML: " + std::string(error.description()));
  }
}

Leaves leaves_of(const std::string& job) {
  Leaves leaves;
  collect(parsed(job), "", leaves);
  return leaves;
}

}  // namespace

std::vector<JobChange> job_changes(const std::string& before, const std::string& after) {
  const Leaves old = leaves_of(before), now = leaves_of(after);
  std::vector<JobChange> changes;
  Leaves all = old;
  all.insert(now.begin(), now.end());
  for (const auto& [key, unused] : all) {
    const auto a = old.find(key), b = now.find(key);
    JobChange change{key, "", "", 0, 0};
    if (a != old.end()) change.before = a->second.value, change.line_before = a->second.line;
    if (b != now.end()) change.after = b->second.value, change.line_after = b->second.line;
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<std::pair<std::string, std::string>> job_files(const std::string& job) {
  const toml::table root = parsed(job);
  std::vector<std::pair<std::string, std::string>> files;
  const auto add = [&](const std::string& key, const toml::node& node) {
    if (const auto* name = node.as_string()) files.emplace_back(key, name->get());
    if (const auto* list = node.as_array())
      for (std::size_t i = 0; i < list->size(); ++i)
        if (const auto* name = list->get(i)->as_string())
          files.emplace_back(key + "[" + std::to_string(i) + "]", name->get());
  };
  if (const auto* section = root["files"].as_table())
    for (const auto& [key, value] : *section) {
      if (const auto* inner = value.as_table())
        for (const auto& [name, file] : *inner) add(std::string(key.str()) + "." + std::string(name.str()), file);
      else
        add(std::string(key.str()), value);
    }
  if (const auto* stresses = root["stress"].as_array())
    for (const auto& stress : *stresses)
      if (const auto* table = stress.as_table(); table != nullptr && table->contains("path"))
        add("path of stress " + name_of(stress, 0), *table->get("path"));
  return files;
}

std::vector<std::string> job_levels(const std::string& job) {
  const toml::table root = parsed(job);
  std::vector<std::string> levels;
  if (const auto* array = root["cube"]["levels"].as_array())
    for (const auto& level : *array)
      if (const auto* name = level.as_string()) levels.push_back(name->get());
  return levels;
}

}  // namespace tailcube
