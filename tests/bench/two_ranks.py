#!/usr/bin/env python3
"""The speed-up of two ranks on two cores beside that of the bare kernels: two_ranks.py BUILD_FOLDER JOB.toml [ROUNDS [SCENARIOS]]

Needs the benchmarks (-DTAILCUBE_BENCHMARKS=ON), mpirun, and a machine with nothing else on it: it measures wall clock, in turns.
Kernels: pipeline_bench alone, then two of them at once. Ranks: stage `evaluate` of run.json with one rank, then with two."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

build, job = sys.argv[1:3]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
scenarios = sys.argv[4] if len(sys.argv) > 4 else "40_000"
BENCH = os.path.join(build, "tests", "bench", "pipeline_bench")
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}


def kernels(copies):
    """Wall seconds until so many copies of the benchmark, started together, have ended."""
    start = time.monotonic()
    running = [subprocess.Popen([BENCH, job], stdout=subprocess.DEVNULL, env=ENVIRONMENT) for _ in range(copies)]
    if any(process.wait() != 0 for process in running):
        sys.exit("pipeline_bench failed")
    return time.monotonic() - start


def evaluation(ranks):
    with tempfile.TemporaryDirectory() as folder:
        words = ["mpirun", "--bind-to", "core", "-n", str(ranks)] if ranks > 1 else []
        words += [os.path.join(build, "tailcube"), "run", job, "-o", folder, "--overwrite", "-q", "--threads", "1", "--set",
                  f"run.scenarios={scenarios}"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        with open(os.path.join(folder, "run.json")) as file:
            return json.load(file)["stages"]["evaluate"]["wall_seconds"]


bare, ranked = [], []
for number in range(rounds):
    bare.append(2 * kernels(1) / kernels(2))
    ranked.append(evaluation(1) / evaluation(2))
    print(f"round {number + 1}: kernels {bare[-1]:.3f}, ranks {ranked[-1]:.3f}", flush=True)
share = statistics.median(ranked) / statistics.median(bare)
print(f"median speed-up on two cores: kernels {statistics.median(bare):.3f}, two ranks {statistics.median(ranked):.3f}: {100 * share:.1f} %")
