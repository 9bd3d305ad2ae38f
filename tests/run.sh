#!/usr/bin/env bash
# Builds tailcube with its tests and runs them all: tests/run.sh [ctest options]. Quick the second time.
set -euo pipefail
cd "$(dirname "$0")/.."
. jobs/packages.sh
# shellcheck disable=SC2086  # lists of words
need_packages $build_packages $test_packages
# shellcheck disable=SC2086
[ "$(id -u)" -ne 0 ] || need_packages $cluster_packages
mpi_environment

mkdir -p build
echo "Building (preset release, with tests) ..." >&2
cmake --preset release -DTAILCUBE_TESTS=ON >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 70; }
cmake --build --preset release >build/build.log 2>&1 || { cat build/build.log >&2; exit 70; }
# One more than there are processors: some wait for others most of their time.
ctest --test-dir build/release --output-on-failure --no-label-summary -j $(($(nproc) + 1)) "$@"
