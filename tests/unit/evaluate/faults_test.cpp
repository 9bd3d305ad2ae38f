// The log of faults: the same whatever the order, and the earliest of each row.
#include "kernels/faults.h"

#include "tests/catch_any.h"

using namespace tailcube;

namespace {

Fault fault(std::uint32_t row, std::uint32_t position, std::uint16_t lane, Reason reason) {
  return {RowIndex{row}, position, lane, reason};
}

bool same(const FaultLog& a, const FaultLog& b) { return a.sites() == b.sites() && a.counts() == b.counts(); }

// Block b of cell c: row 1 has no value in lane 5, position 7 of row 0 in lanes 2 and 5.
FaultLog block(std::uint64_t b, int cell) {
  FaultLog log;
  log.add({fault(1, none, 5, Reason::not_finite), fault(0, 7, 2, Reason::no_price), fault(0, 7, 5, Reason::no_price)},
          64 * b, 64, cell);
  return log;
}

}  // namespace

TEST_CASE("a log of faults does not depend on the order of blocks") {
  FaultLog upwards, downwards, halves[2];
  for (std::uint64_t b = 0; b < 200; ++b)
    for (const int cell : {0, 1, 2}) upwards.merge(block(b, cell)), halves[b % 2].merge(block(b, cell));
  for (std::uint64_t b = 200; b-- > 0;)
    for (const int cell : {2, 0, 1}) downwards.merge(block(b, cell));
  halves[1].merge(halves[0]);
  CHECK(same(upwards, downwards));
  CHECK(same(upwards, halves[1]));
  CHECK(same(upwards, FaultLog::from_bytes(upwards.to_bytes())));
  const auto& [key, site] = upwards.first();
  CHECK(site == FaultSite{2, 0, Reason::no_price});
  CHECK(key == FaultLog::Key{RowIndex{0}, 7});
  CHECK(upwards.counts().at({RowIndex{0}, 1}) == 400);
  CHECK(upwards.counts().at({RowIndex{1}, 2}) == 200);
  const std::vector<FaultSite>& kept = upwards.sites().at({RowIndex{1}, none});
  REQUIRE(kept.size() == FaultLog::kept);
  CHECK(kept.back() == FaultSite{64 * (FaultLog::kept / 3) + 5, 0, Reason::not_finite});
}

TEST_CASE("at one place the reason that says more is kept") {
  for (const bool reversed : {false, true}) {
    FaultLog log;
    Faults faults = {fault(0, none, 3, Reason::not_finite), fault(0, none, 3, Reason::no_price)};
    if (reversed) std::swap(faults[0], faults[1]);
    log.add(faults, 0, 64, 0);
    CHECK(log.first().second.reason == Reason::no_price);
    CHECK(log.counts().at({RowIndex{0}, 0}) == 1);
  }
}

TEST_CASE("what has no spread has no value in any scenario") {
  FaultLog log;
  log.add({fault(0, 1, 0, Reason::no_convergence)}, 64, 64, 0);
  log.add({fault(0, 1, 0, Reason::no_convergence)}, 128, 10, 0);
  CHECK(log.counts().at({RowIndex{0}, 0}) == 74);
  CHECK_THROWS_WITH(FaultLog::from_bytes(std::vector<std::byte>(5)), "a list of faults is too short");
}
