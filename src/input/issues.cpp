#include "src/input/issues.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

namespace tailcube {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Edit distance with transpositions of neighbours (optimal string alignment); case counts nothing. `limit` + 1 if larger.
int edit_distance(std::string_view a, std::string_view b, int limit) {
  const std::size_t n = b.size();
  if (a.size() > n + static_cast<std::size_t>(limit) || n > a.size() + static_cast<std::size_t>(limit)) return limit + 1;
  std::vector<int> before(n + 1), last(n + 1), now(n + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= n; ++j) {
      const char x = lower(a[i - 1]), y = lower(b[j - 1]);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y)});
      if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    if (*std::min_element(now.begin(), now.end()) > limit) return limit + 1;
    before.swap(last);
    last.swap(now);
  }
  return last[n];
}

}  // namespace

std::string to_string(const Issue& issue) {
  std::string out = issue.file;
  if (issue.line > 0) out += ":" + std::to_string(issue.line);
  if (issue.column > 0) out += ":" + std::to_string(issue.column);
  if (!issue.name.empty()) out += ": " + issue.name;
  return out + ": " + issue.text;
}

InvalidInput::InvalidInput(std::vector<Issue> found, int code, std::size_t all)
    : issues(std::move(found)), exit_code(code), total(std::max(all, issues.size())) {
  std::sort(issues.begin(), issues.end());
}

std::string to_string(const InvalidInput& invalid) {
  std::string out;
  const std::size_t count = std::min(invalid.issues.size(), printed_issues);
  for (std::size_t i = 0; i < count; ++i) out += to_string(invalid.issues[i]) + "\n";
  out += std::to_string(invalid.total) + (invalid.total == 1 ? " error" : " errors");
  if (invalid.total > count) out += ", the first " + std::to_string(count) + " are listed";
  return out + "\n";
}

void Issues::add(Issue issue) {
  ++total_;
  issues_.push_back(std::move(issue));
  if (issues_.size() >= 100 * printed_issues) keep_first();
}

void Issues::add_unreadable(Issue issue) {
  unreadable_ = true;
  add(std::move(issue));
}

// A table of a million wrong rows must not need the memory of a million messages.
void Issues::keep_first() {
  std::sort(issues_.begin(), issues_.end());
  issues_.resize(std::min(issues_.size(), printed_issues));
}

void Issues::throw_if_any() {
  if (total_ == 0) return;
  throw InvalidInput(std::move(issues_), unreadable_ ? 66 : 65, total_);
}

std::string Issues::suggest(std::string_view name, std::span<const std::string_view> known) {
  if (name.size() > 100 || known.size() > budget_) return {};
  budget_ -= known.size();
  int best = static_cast<int>(std::max<std::size_t>(1, name.size() / 3));
  std::string_view found;
  for (const auto candidate : known) {
    const int distance = edit_distance(name, candidate, best);
    if (distance < best || (distance == best && (found.empty() || candidate < found))) best = distance, found = candidate;
  }
  return found.empty() ? std::string() : "; did you mean " + in_quotes(found) + "?";
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string out = "\"";
  std::size_t end = std::min(text.size(), longest);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // whole characters
  for (const char c : text.substr(0, end)) {
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += '?';
    } else {
      out += c;
    }
  }
  return out + (end < text.size() ? "...\"" : "\"");
}

std::string shown(double value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return std::string(digits.data(), end);
}

std::string rounded(double value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::general, 6).ptr;
  return std::string(digits.data(), end);
}

bool is_id(std::string_view text) {
  static constexpr auto allowed = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:+-"))
      table[static_cast<unsigned char>(c)] = true;
    return table;
  }();
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return allowed[static_cast<unsigned char>(c)]; });
}

NumberText parse_number(std::string_view text, double& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return NumberText::no_number;
  return error == std::errc::result_out_of_range ? NumberText::out_of_range : NumberText::number;
}

std::string number_problem(std::string_view text, const Range& range, double& value) {
  const auto allowed = [&] { return "; allowed: " + std::string(range.words); };
  switch (parse_number(text, value)) {
    case NumberText::no_number:
      return in_quotes(text) + " is not a number" + allowed();
    case NumberText::out_of_range:
      return in_quotes(text) + " does not fit a double" + allowed();
    case NumberText::number:
      break;
  }
  if (!std::isfinite(value)) return in_quotes(text) + " is not finite" + allowed();
  if (value >= range.lower && value <= range.upper) return {};
  return std::string(text.substr(0, 40)) + " is not " + std::string(range.words);
}

std::string schedule_problem(std::string_view text, const Range& after, ShareSchedule& schedule) {
  constexpr Range share{0x1p-1022, 1, "above 0 and at most 1"};
  schedule.clear();
  for (std::size_t begin = 0, end; (begin = text.find_first_not_of(' ', begin)) < text.size(); begin = end) {
    end = std::min(text.find(' ', begin), text.size());
    const std::string_view pair = text.substr(begin, end - begin);
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) return in_quotes(pair) + " is not a time and a share, such as 30:0.25";
    ScheduledShare next{};
    if (auto problem = number_problem(pair.substr(0, colon), after, next.after); !problem.empty()) return problem;
    if (auto problem = number_problem(pair.substr(colon + 1), share, next.share); !problem.empty()) return problem;
    if (!schedule.empty() && !(next.after > schedule.back().after))
      return in_quotes(pair) + ": " + shown(next.after) + " is not above " + shown(schedule.back().after) + " before it";
    if (!schedule.empty() && !(next.share > schedule.back().share))
      return in_quotes(pair) + ": " + shown(next.share) + " is not above " + shown(schedule.back().share) + " before it";
    schedule.push_back(next);
  }
  return {};
}

}  // namespace tailcube
