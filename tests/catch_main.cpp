// The main() of test programs where Catch2 brings none (upstream v2).
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
