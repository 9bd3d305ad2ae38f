#include "src/input/input.h"

#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr std::string_view top_keys[] = {"run",  "time",   "files",    "currency", "market",
                                         "cube", "credit", "sampling", "stress",   "stress_axis"};

void read_files(Reading& reading) {
  Section files(reading.context(), "files");
  read_factors(reading, files);
  read_currencies(reading);
  read_correlation(reading, files);
  read_curves(reading, files);
  read_obligors(reading, files);
  read_positions(reading, files);
  files.finish();
}

}  // namespace

SourceFile* Reading::open(Section& section, const toml::node& node, std::string_view key) {
  const auto* name = node.as_string();
  if (!name || name->get().empty()) return section.wrong(node, key, "the name of a file"), nullptr;
  return files.open(folder / name->get(), name->get(), toml.issue(node.source(), section.dotted(key), ""), issues);
}

Job read_job(const std::filesystem::path& path, std::span<const std::string> settings) {
  Reading reading;
  reading.folder = path.parent_path();
  const SourceFile* file = reading.files.open(path, path.filename().string(), {"", 0, 0, "", ""}, reading.issues);
  if (!file || !reading.toml.parse(*file, settings, reading.issues)) reading.issues.throw_if_any();
  if (settings.empty())
    reading.job.text = file->text;
  else
    reading.job.text = canonical(reading.toml.root());

  Section top(reading.context(), "");
  for (const auto key : top_keys) top.find(key);
  top.finish();
  if (reading.job.name.empty()) reading.job.name = path.stem().string();
  read_settings(reading);
  read_files(reading);
  read_stress(reading);
  reading.issues.throw_if_any();

  list_warnings(reading);
  identify(reading, settings);
  return std::move(reading.job);
}

}  // namespace tailcube
