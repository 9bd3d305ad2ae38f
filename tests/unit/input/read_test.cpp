#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

using namespace tailcube;
using namespace tailcube::test;

TEST_CASE("slice") {
  const auto o = outcome(valid_job());
  for (auto& m : o.messages) UNSCOPED_INFO(m);
  CHECK(o.exit_code == 0);
}
