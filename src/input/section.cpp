#include "src/input/section.h"

#include <algorithm>
#include <cmath>

namespace tailcube {
namespace {

const toml::table no_table;

const toml::node* node_at(const toml::table& root, std::string_view path) {
  const toml::node* node = &root;
  while (node && !path.empty()) {
    const std::string_view part = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    node = node->is_table() ? node->as_table()->get(part) : nullptr;
  }
  return node;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view words) {
  std::vector<std::string_view> out;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find('|'));
    out.push_back(word);
    words.remove_prefix(std::min(words.size(), word.size() + 1));
  }
  return out;
}

int place_of(std::string_view word, std::string_view words) {
  const auto all = split_words(words);
  const auto it = std::find(all.begin(), all.end(), word);
  return it == all.end() ? -1 : static_cast<int>(it - all.begin());
}

std::string listed(std::string_view words) {
  const auto all = split_words(words);
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i)
    out += (i == 0 ? "" : i + 1 == all.size() ? " or " : ", ") + std::string(all[i]);
  return out;
}

Section::Section(SectionContext context, std::string path) : context_(context), path_(std::move(path)), table_(&no_table) {
  const toml::node* node = node_at(context_.toml.root(), path_);
  if (!node) return;
  where_ = node->source();
  if (node->is_table())
    table_ = node->as_table();
  else
    context_.issues.add(context_.toml.issue(where_, path_, canonical(*node) + " is not a table"));
}

Section::Section(SectionContext context, const toml::table& table, std::string path)
    : context_(context), path_(std::move(path)), table_(&table), where_(table.source()) {}

const toml::node* Section::find(std::string_view key) {
  known_.push_back(key);
  return table_->get(key);
}

void Section::missing(std::string_view key, std::string_view rule) {
  context_.issues.add(context_.toml.issue(where_, dotted(key), "missing; required, " + std::string(rule)));
}

void Section::error(const toml::node& node, std::string_view key, std::string text) {
  context_.issues.add(context_.toml.issue(node.source(), dotted(key), std::move(text)));
}

void Section::wrong(const toml::node& node, std::string_view key, std::string_view rule) {
  std::string value = canonical(node);
  if (value.size() > 60) value = value.substr(0, 60) + "...";
  error(node, key, value + " is not " + std::string(rule));
}

void Section::use_default(std::string_view key, std::string_view value) {
  context_.defaults.push_back(dotted(key) + " = " + std::string(value));
}

std::int64_t Section::integer(std::string_view key, IntegerRange range, std::optional<std::int64_t> otherwise) {
  const auto* node = find(key);
  const std::string rule = "an integer from " + std::to_string(range.lower) + " to " + std::to_string(range.upper);
  if (!node) {
    if (!otherwise) return missing(key, rule), range.lower;
    use_default(key, std::to_string(*otherwise));
    return *otherwise;
  }
  const auto* value = node->as_integer();
  if (value && value->get() >= range.lower && value->get() <= range.upper) return value->get();
  wrong(*node, key, rule);
  return otherwise.value_or(range.lower);
}

double Section::number(std::string_view key, const Range& range, std::optional<double> otherwise) {
  const auto* node = find(key);
  if (!node) {
    if (!otherwise) return missing(key, "a number, " + std::string(range.words)), 0.0;
    use_default(key, shown(*otherwise));
    return *otherwise;
  }
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value) return wrong(*node, key, "a number; allowed: " + std::string(range.words)), 0.0;
  if (std::isfinite(*value) && *value >= range.lower && *value <= range.upper) return *value;
  wrong(*node, key, range.words);
  return 0.0;
}

bool Section::boolean(std::string_view key, bool otherwise) {
  const auto* node = find(key);
  if (!node) return use_default(key, otherwise ? "true" : "false"), otherwise;
  if (const auto* value = node->as_boolean()) return value->get();
  wrong(*node, key, "true or false");
  return otherwise;
}

std::string Section::text(std::string_view key, std::optional<std::string_view> otherwise) {
  const auto* node = find(key);
  if (!node) {
    if (!otherwise) return missing(key, "a text"), std::string();
    use_default(key, in_quotes(*otherwise));
    return std::string(*otherwise);
  }
  if (const auto* value = node->as_string()) return value->get();
  wrong(*node, key, "a text");
  return std::string(otherwise.value_or(""));
}

int Section::word(std::string_view key, std::string_view words, std::string_view refused, int otherwise) {
  const auto* node = find(key);
  const auto all = split_words(words);
  if (!node) return use_default(key, all[static_cast<std::size_t>(otherwise)]), otherwise;
  const auto* value = node->as_string();
  if (value && place_of(value->get(), words) >= 0) return place_of(value->get(), words);
  if (value && place_of(value->get(), refused) >= 0) {
    error(*node, key, in_quotes(value->get()) + " is " + std::string(not_available) + "; allowed: " + listed(words));
  } else {
    wrong(*node, key, listed(words) + (value ? context_.issues.suggest(value->get(), all) : std::string()));
  }
  return otherwise;
}

void Section::finish() {
  for (const auto& [key, value] : *table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    context_.issues.add(
        context_.toml.issue(key.source(), dotted(key.str()), "unknown key" + context_.issues.suggest(key.str(), known_)));
  }
}

}  // namespace tailcube
