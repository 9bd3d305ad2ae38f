#pragma once
// Just enough JSON to write a report, and to find in it again what names a place.
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace tailcube {

// The inside of a JSON string. Bytes that are not valid UTF-8 are the caller's fault and pass through.
std::string json_escaped(std::string_view);

class Json;
std::string json_value(std::string_view);
std::string json_value(const Json&);
std::string json_value(bool);
std::string json_value(double);  // not finite: null
template <class T>
requires(std::integral<T> && !std::same_as<T, bool>) std::string json_value(T value) { return std::to_string(value); }
inline std::string json_value(const char* text) { return json_value(std::string_view(text)); }
inline std::string json_value(const std::string& text) { return json_value(std::string_view(text)); }
template <class T>
std::string json_value(const std::vector<T>& values) {
  std::string all;
  for (const T& value : values) all += (all.empty() ? "" : ", ") + json_value(value);
  return "[" + all + "]";
}

// An object, built key by key: Json().add("ranks", 2).add("name", "demo").text().
class Json {
 public:
  template <class T>
  Json& add(const std::string& key, const T& value) {
    members_.push_back("\"" + json_escaped(key) + "\": " + json_value(value));
    return *this;
  }
  std::string text() const;

 private:
  std::vector<std::string> members_;
};

// The string that stands behind a key in what Json wrote, for a key that occurs once; empty: none does.
std::string json_string(std::string_view text, std::string_view key);

}  // namespace tailcube
