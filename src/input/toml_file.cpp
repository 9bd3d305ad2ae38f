#include "src/input/toml_file.h"

#include <algorithm>
#include <sstream>

namespace tailcube {
namespace {

int column_of(const toml::source_region& region) { return static_cast<int>(region.begin.column); }
int line_of(const toml::source_region& region) { return static_cast<int>(region.begin.line); }

// toml++ counts columns in characters.
std::size_t offset_of(std::string_view text, toml::source_position at) {
  std::size_t offset = 0;
  for (toml::source_index line = 1; line < at.line && offset < text.size(); ++line)
    offset = std::min(text.find('\n', offset), text.size()) + 1;
  for (toml::source_index column = 1; column < at.column && offset < text.size(); ++column) {
    ++offset;
    while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) ++offset;
  }
  return std::min(offset, text.size());
}

bool bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20 || code == 0x7F) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      out += "\\u00";
      out += digits[code >> 4];
      out += digits[code & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_float(double value) {
  std::string out = shown(value);
  if (out.find_first_not_of("-0123456789") == std::string::npos) out += ".0";
  return out;
}

void write_lines(const toml::table& table, const std::string& prefix, std::string& out) {
  if (table.empty() && !prefix.empty()) out += prefix.substr(0, prefix.size() - 1) + " = {}\n";
  for (const auto& [key, value] : table) {
    const std::string name = prefix + (bare_key(key.str()) ? std::string(key.str()) : toml_string(key.str()));
    if (const auto* inner = value.as_table()) {
      write_lines(*inner, name + ".", out);
    } else {
      out += name + " = " + canonical(value) + "\n";
    }
  }
}

}  // namespace

bool TomlFile::parse(const SourceFile& file, std::span<const std::string> settings, Issues& issues) {
  file_ = &file;
  try {
    root_ = toml::parse(std::string_view(file.text), std::string_view(file.shown));
  } catch (const toml::parse_error& error) {
    issues.add({file.shown, line_of(error.source()), column_of(error.source()), "", std::string(error.description())});
    return false;
  }
  for (const auto& setting : settings) apply(setting, issues);
  return true;
}

void TomlFile::apply(const std::string& setting, Issues& issues) {
  const auto complain = [&](const char* text) { issues.add({"--set " + setting, 0, 0, "", text}); };
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) return complain("must be key=value, for instance run.seed=7");
  const std::size_t key_end = setting.find_last_not_of(' ', equals - 1);
  Setting made{setting.substr(0, key_end == std::string::npos ? 0 : key_end + 1), "--set " + setting,
               "value = " + setting.substr(equals + 1)};
  toml::table parsed;
  try {
    parsed = toml::parse(std::string_view(made.document));
  } catch (const toml::parse_error&) {  // a bare word
    made.document = "value = " + toml_string(setting.substr(equals + 1));
    parsed = toml::parse(std::string_view(made.document));
  }
  if (parsed.size() != 1) return complain("the value must be one TOML value or a word");

  toml::table* at = &root_;
  std::string_view rest = made.key;
  while (true) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    if (!bare_key(part)) return complain("the key must be names joined by dots");
    if (part.size() == rest.size()) break;
    rest.remove_prefix(part.size() + 1);
    auto* next = at->get(part);
    if (!next) next = &at->insert_or_assign(part, toml::table{}).first->second;
    at = next->as_table();
    if (!at) return complain("the key leads through a value that is not a table");
  }
  parsed.get("value")->visit([&](auto& value) { at->insert_or_assign(rest, std::move(value)); });
  settings_.push_back(std::move(made));
}

const TomlFile::Setting* TomlFile::setting_of(std::string_view name) const {
  for (auto it = settings_.rbegin(); it != settings_.rend(); ++it)
    if (name.starts_with(it->key) &&
        (name.size() == it->key.size() || name[it->key.size()] == '.' || name[it->key.size()] == '['))
      return &*it;
  return nullptr;
}

Issue TomlFile::issue(const toml::source_region& region, std::string name, std::string text) const {
  if (const Setting* setting = setting_of(name)) return {setting->argument, 0, 0, "", std::move(text)};
  return {file_->shown, line_of(region), column_of(region), std::move(name), std::move(text)};
}

std::string TomlFile::number_text(const toml::node& node, std::string_view name) const {
  const Setting* setting = setting_of(name);
  const std::string_view text = setting ? std::string_view(setting->document) : std::string_view(file_->text);
  const std::size_t begin = offset_of(text, node.source().begin);
  const std::size_t end = std::min(text.find_first_not_of("0123456789.eE+-_", begin), text.size());
  std::string out(text.substr(begin, end - begin));
  std::erase(out, '_');
  return out;
}

std::string canonical(const toml::node& node) {
  if (const auto* text = node.as_string()) return toml_string(text->get());
  if (const auto* number = node.as_floating_point()) return toml_float(number->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  std::string out;
  if (const auto* array = node.as_array()) {
    for (const auto& element : *array) out += (out.empty() ? "" : ", ") + canonical(element);
    return "[" + out + "]";
  }
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table)
      out += (out.empty() ? "" : ", ") + (bare_key(key.str()) ? std::string(key.str()) : toml_string(key.str())) + " = " +
             canonical(value);
    return "{" + out + "}";
  }
  std::ostringstream date;
  if (const auto* value = node.as_date()) date << value->get();
  if (const auto* value = node.as_time()) date << value->get();
  if (const auto* value = node.as_date_time()) date << value->get();
  return date.str();
}

std::string canonical(const toml::table& table) {
  std::string out;
  write_lines(table, "", out);
  return out;
}

}  // namespace tailcube
