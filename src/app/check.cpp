#include <iostream>

#include "src/app/commands.h"
#include "src/app/failure.h"
#include "src/input/input.h"
#include "src/report/check_report.h"

namespace tailcube {

int check_command(const Options& options) {
  const Failure failure = attempt([&] {
    const Job job = read_job(options.input, options.settings);
    const CompiledCredit credit = compile_credit(job);
    write_check_report(std::cout, job, compile(job, Detail::leaf, credit), credit);
  });
  if (failure.exit_code != 0) log_error(failure.text);
  return failure.exit_code;
}

}  // namespace tailcube
