#include "src/report/json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "tests/catch_any.h"

namespace tailcube {
namespace {

TEST_CASE("a report is JSON") {
  const std::string text = Json()
                               .add("text", "a \"quoted\" \\ line\nand \x01 more, Zürich")
                               .add("whole", std::uint64_t{18446744073709551615ULL})
                               .add("real", 0.25)
                               .add("unknown", std::numeric_limits<double>::quiet_NaN())
                               .add("yes", true)
                               .add("list", std::vector<int>{1, 2, 3})
                               .add("empty", std::vector<double>{})
                               .add("inner", Json().add("a", 1))
                               .text();
  const auto read = nlohmann::json::parse(text);
  CHECK(read["text"] == "a \"quoted\" \\ line\nand \x01 more, Zürich");
  CHECK(read["whole"] == 18446744073709551615ULL);
  CHECK(read["real"] == 0.25);
  CHECK(read["unknown"].is_null());
  CHECK(read["yes"] == true);
  CHECK(read["list"] == std::vector<int>{1, 2, 3});
  CHECK(read["empty"].empty());
  CHECK(read["inner"]["a"] == 1);
}

TEST_CASE("a string is found again in what was written") {
  const std::string path = "/a \"b\"/c\\d\ne\x01\"job\": \"no\"/Zürich.toml";
  const std::string text = Json().add("before", "\"job\": \"no\"").add("count", 3).add("job", path).add("after", 1).text();
  CHECK(json_string(text, "job") == path);
  CHECK(json_string("{\"job\":\"x\"}", "job") == "x");
  CHECK(json_string(text, "count").empty());
  CHECK(json_string(text, "jo").empty());
  CHECK(json_string("", "job").empty());
  for (std::size_t length = text.find("\"job\": \"/a"); length < text.find("\"after\"") - 5; ++length)
    CHECK(json_string(text.substr(0, length), "job").empty());
}

}  // namespace
}  // namespace tailcube
