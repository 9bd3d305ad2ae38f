#include "src/report/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace tailcube {

std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      out += code;
    } else {
      out += c;
    }
  }
  return out;
}

std::string json_value(std::string_view text) { return "\"" + json_escaped(text) + "\""; }

std::string json_value(double value) {
  if (!std::isfinite(value)) return "null";
  char text[40];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

std::string json_value(bool value) { return value ? "true" : "false"; }

std::string json_value(const Json& value) { return value.text(); }

std::string json_string(std::string_view text, std::string_view key) {
  const std::string name = json_value(key) + ":";
  std::size_t at = text.find(name);  // not within a string, whose quotes are escaped
  if (at == std::string_view::npos) return {};
  at = text.find_first_not_of(" \t\r\n", at + name.size());
  if (at == std::string_view::npos || text[at] != '"') return {};
  std::string out;
  while (++at < text.size() && text[at] != '"') {
    if (text[at] != '\\') {
      out += text[at];
    } else if (++at < text.size() && text[at] == 'u') {
      unsigned code = 0;
      const std::string_view digits = text.substr(at + 1, 4);
      std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
      out += static_cast<char>(code);
      at += digits.size();
    } else if (at < text.size()) {
      out += text[at] == 'n' ? '\n' : text[at];
    }
  }
  return at < text.size() ? out : std::string();
}

// Line breaks within strings are escaped, so those in a member are a nested object's.
std::string Json::text() const {
  std::string all;
  for (const std::string& member : members_) all += (all.empty() ? "\n" : ",\n") + member;
  for (std::size_t at = 0; (at = all.find('\n', at)) != std::string::npos; at += 3) all.insert(at + 1, "  ");
  return "{" + all + "\n}";
}

}  // namespace tailcube
