#include "src/report/money.h"

#include <cmath>

#include "tests/catch_any.h"

namespace tailcube {
namespace {

TEST_CASE("money has thousands separators") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999.4) == "999");
  CHECK(grouped(999.5) == "1,000");
  CHECK(grouped(-1234567.891, 2) == "-1,234,567.89");
  CHECK(grouped(123456) == "123,456");
  CHECK(grouped(-0.2) == "0");
  CHECK(grouped(std::nan("")) == "n/a");
}

TEST_CASE("an error that is not nothing does not read as nothing") {
  CHECK(grouped_error(1234.5) == "1,234");
  CHECK(grouped_error(0.5001) == "1");
  CHECK(grouped_error(0.34) == "0.3");
  CHECK(grouped_error(0.034, 1) == "0.03");
  CHECK(grouped_error(0) == "0");
  CHECK(grouped_error(0, 2) == "0.00");
  CHECK(grouped_error(1e-300) == "0.000000000000");
  CHECK(grouped_error(std::nan("")) == "n/a");
  CHECK(money_scale(2e10, "EUR").error(34'000) == "0.03");
}

TEST_CASE("large books are shown in thousands or millions") {
  CHECK(money_scale(123, "USD").unit == "USD");
  CHECK(money_scale(123, "USD")(1.234) == "1.23");
  CHECK(money_scale(9.9e6, "USD")(1234.6) == "1,235");
  CHECK(money_scale(2e8, "EUR").unit == "EUR thousand");
  CHECK(money_scale(2e8, "EUR")(123456789) == "123,457");
  CHECK(money_scale(2e10, "EUR").unit == "EUR million");
}

TEST_CASE("cells of CSV are quoted where a reader would split or trim them") {
  CHECK(csv_cell("loan 1/2; a.b") == "loan 1/2; a.b");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("12\" pipe") == "\"12\"\" pipe\"");
  CHECK(csv_cell("two\nlines") == "\"two\nlines\"");
  CHECK(csv_cell(" a") == "\" a\"");
  CHECK(csv_cell("").empty());
}

TEST_CASE("times, sizes and shares read as words") {
  CHECK(horizon_text(1) == "1 year");
  CHECK(horizon_text(1.0 / 12) == "1 month");
  CHECK(horizon_text(0.25) == "3 months");
  CHECK(horizon_text(10.0 / 365) == "10 days");
  CHECK(horizon_text(0.7321) == "0.7321 years");
  CHECK(duration_text(3.21) == "3.2 s");
  CHECK(duration_text(59.96) == "1 min 00 s");
  CHECK(duration_text(245) == "4 min 05 s");
  CHECK(duration_text(7400) == "2 h 03 min");
  CHECK(bytes_text(1234567) == "1.23 MB");
  CHECK(bytes_text(12) == "12 bytes");
  CHECK(percent(0.999) == "99.9 %");
  CHECK(percent(0.05) == "5 %");
}

TEST_CASE("padding counts characters, not bytes") {
  CHECK(width("±5") == 2);
  CHECK(right("±5", 4) == "  ±5");
  CHECK(left("Zürich", 8) == "Zürich  ");
  CHECK(left("Zürich", 4) == "Zür~");
}

}  // namespace
}  // namespace tailcube
