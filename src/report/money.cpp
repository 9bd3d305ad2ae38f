#include "src/report/money.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace tailcube {
namespace {

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}
std::string format(const char* pattern, int digits, double value) {
  char text[400];  // the largest double has 309 digits
  std::snprintf(text, sizeof text, pattern, digits, value);
  return text;
}
// Characters of `text` that fit into `columns`, as bytes.
std::size_t prefix(std::string_view text, std::size_t columns) {
  std::size_t i = 0;
  for (std::size_t seen = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U && seen++ == columns) break;
  }
  return i;
}

}  // namespace

std::string grouped(double value, int decimals) {
  if (std::isnan(value)) return "n/a";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = format("%.*f", decimals, std::abs(value));
  const std::size_t point = text.find('.');
  std::size_t at = point == std::string::npos ? text.size() : point;
  while (at > 3) text.insert(at -= 3, 1, ',');
  const bool zero = text.find_first_of("123456789") == std::string::npos;
  return value < 0 && !zero ? "-" + text : text;
}

std::string grouped_error(double error, int decimals) {
  constexpr int most = 12;
  std::string text = grouped(error, decimals);
  while (error > 0 && decimals < most && text.find_first_not_of("0.,") == std::string::npos)
    text = grouped(error, ++decimals);
  return text;
}

std::string percent(double share) { return std::isnan(share) ? "n/a" : format("%.6g", 100 * share) + " %"; }

std::string csv_cell(std::string text) {
  if (text.find_first_of("\",\r\n") == std::string::npos && !text.starts_with(' ') && !text.ends_with(' ')) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string significant(double value, int digits) { return std::isnan(value) ? "n/a" : format("%.*g", digits, value); }

std::string horizon_text(double years) {
  const auto whole = [](double x) { return std::abs(x - std::round(x)) < 1e-6 && std::round(x) >= 1; };
  const auto counted = [](double n, const char* unit) {
    return format("%.4g", n) + " " + unit + (std::abs(n - 1) < 1e-9 ? "" : "s");
  };
  if (whole(years)) return counted(std::round(years), "year");
  if (whole(12 * years)) return counted(std::round(12 * years), "month");
  if (whole(365 * years)) return counted(std::round(365 * years), "day");
  return counted(years, "year");
}

std::string bytes_text(double bytes) {
  const char* const units[] = {"bytes", "kB", "MB", "GB", "TB"};
  int unit = 0;
  for (; unit < 4 && bytes >= 1000; ++unit) bytes /= 1000;
  return format(unit == 0 ? "%.0f" : "%.2f", bytes) + " " + units[unit];
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  if (seconds < 59.95) return format("%.1f", seconds) + " s";
  const long whole = std::lround(seconds), minutes = whole / 60;
  char text[64];
  if (minutes < 60)
    std::snprintf(text, sizeof text, "%ld min %02ld s", minutes, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld h %02ld min", minutes / 60, minutes % 60);
  return text;
}

std::size_t width(std::string_view utf8) {
  std::size_t n = 0;
  for (const char c : utf8) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return n;
}

std::string left(std::string_view text, std::size_t columns) {
  const std::size_t n = width(text);
  if (n > columns) return std::string(text.substr(0, prefix(text, columns - 1))) + "~";
  return std::string(text) + std::string(columns - n, ' ');
}

std::string right(std::string_view text, std::size_t columns) {
  const std::size_t n = width(text);
  return std::string(n < columns ? columns - n : 0, ' ') + std::string(text);
}

MoneyScale money_scale(double largest, const std::string& currency) {
  if (largest >= 1e10) return {1e6, 0, currency + " million"};
  if (largest >= 1e7) return {1e3, 0, currency + " thousand"};
  return {1, largest < 1e3 ? 2 : 0, currency};
}

}  // namespace tailcube
