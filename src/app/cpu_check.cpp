// The program is built for x86-64-v3. On an older CPU say so, before any code that it could not execute: this file alone is
// built for every x86-64, its constructor runs before those of other files, and it calls nothing but the kernel.
#include <unistd.h>

#include <cstring>

#include "src/app/exit_codes.h"

namespace {

[[gnu::constructor(101)]] void check_cpu() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) return;
  const char* const message =
      "tailcube: this CPU lacks AVX2 and FMA instructions, which the program is built for (x86-64-v3: Intel Haswell, AMD "
      "Zen or newer)\n";
  if (write(STDERR_FILENO, message, std::strlen(message)) < 0) _exit(tailcube::exit_code::internal);
  _exit(tailcube::exit_code::internal);
}

}  // namespace
