#pragma once
// Numbers as people read them. Widths count characters, not bytes: names may hold any UTF-8.
#include <string>
#include <string_view>

namespace tailcube {

// Thousands separated by commas and rounded to the nearest: grouped(-1234567.8, 1) = "-1,234,567.8". NaN: "n/a".
std::string grouped(double value, int decimals = 0);
// The same of an error: one that would read 0 and is not gets as many decimals as show it, grouped_error(0.034) = "0.03".
std::string grouped_error(double error, int decimals = 0);
std::string percent(double share);  // 0.999 -> "99.9 %", 0.05 -> "5 %", six significant digits at most
std::string significant(double value, int digits);
std::string shortest(double value);         // reads back as the same number
std::string csv_cell(std::string text);     // quoted where CSV asks for it (RFC 4180)
std::string horizon_text(double years);     // "1 month", "3 months", "1 year", "2.5 years", "10 days"
std::string bytes_text(double bytes);       // "1.50 GB", powers of 1000
std::string duration_text(double seconds);  // "12.3 s", "4 min 05 s", "2 h 03 min"

std::size_t width(std::string_view utf8);                       // characters
std::string left(std::string_view text, std::size_t columns);   // padded; longer text is cut, ending in "~"
std::string right(std::string_view text, std::size_t columns);  // padded; never cut

// The divisor that keeps the largest amount of a table short: 1, 1e3 or 1e6.
struct MoneyScale {
  double divisor = 1;
  int decimals = 0;
  std::string unit;  // "USD", "USD thousand", "USD million"
  std::string operator()(double amount) const { return grouped(amount / divisor, decimals); }
  std::string error(double amount) const { return grouped_error(amount / divisor, decimals); }
};
MoneyScale money_scale(double largest, const std::string& currency);

}  // namespace tailcube
