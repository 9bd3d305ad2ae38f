#!/usr/bin/env bash
# Builds tailcube and runs the demo under mpirun: jobs/demo/run.sh [RANKS [tailcube options]]. Quick the second time.
set -euo pipefail
cd "$(dirname "$0")/../.."
. jobs/packages.sh
# shellcheck disable=SC2086,SC2154  # a list of words, of packages.sh
need_packages $build_packages
mpi_environment

echo "Building (preset release) ..." >&2
mkdir -p build
cmake --preset release -DTAILCUBE_TESTS=OFF >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 70; }
cmake --build --preset release --target tailcube >build/build.log 2>&1 || { cat build/build.log >&2; exit 70; }

cores=$(nproc)
ranks=${1:-$cores}
[ $# -eq 0 ] || shift
case $ranks in *[!0-9]* | "" | 0) echo "usage: jobs/demo/run.sh [RANKS [options of tailcube run]]" >&2; exit 64 ;; esac
output=${TAILCUBE_OUTPUT:-build/demo}
# 380 MB a rank is enough; with less the plan makes smaller groups of cells. Ranks are not bound: threads may use every core.
mpirun -n "$ranks" --bind-to none build/release/tailcube run jobs/demo/job.toml -o "$output" --overwrite --memory 380M "$@"
[ -f "$output/cube.h5" ] || exit 0
build/release/tailcube report "$output" --job jobs/demo >build/report.log || { cat build/report.log >&2; exit 70; }
cat <<TXT

The report, a page for any browser: $(realpath "$output/report.html")
The cube is $(realpath "$output/cube.h5"); its cost is in run.json, its log in run.log beside it.
  build/release/tailcube info $output          the table above again
  build/release/tailcube show $output          by node, horizon and cell, with plots
  docs/cube.md                                how to read it in Python, R or with ncdump
TXT
