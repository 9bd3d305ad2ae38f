#!/usr/bin/env python3
"""What ranks and threads make of a job's evaluation: scaling.py BUILD_FOLDER JOB.toml [--ranks 1 2 4 8] [--rounds 3] [--scenarios 40000]

Measures stage `evaluate` of run.json in turns: one thread (the reference), as many threads as cores, and ranks of one thread;
beside them copies of the bare kernels (pipeline_bench, needs -DTAILCUBE_BENCHMARKS=ON), started together. Prints a table in Markdown:
medians over the rounds with the range of the speed-up. With more ranks than cores the ideal is that of a rank a core. Needs
mpirun, and a machine with nothing else on it: on a loaded one only CPU seconds mean something."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("build")
parser.add_argument("job")
parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8])
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--scenarios", type=int, default=40_000)
parser.add_argument("--no-kernels", action="store_true", help="without the bare kernels")
options = parser.parse_args()
CORES = len(os.sched_getaffinity(0))
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def kernels(copies):
    """Wall seconds until so many copies of the benchmark have ended."""
    words = [os.path.join(options.build, "tests", "bench", "pipeline_bench"), options.job, "4096"]
    start = time.monotonic()
    running = [subprocess.Popen(words, stdout=subprocess.DEVNULL, env=ENVIRONMENT) for _ in range(copies)]
    if any([process.wait() != 0 for process in running]):
        sys.exit("pipeline_bench failed")
    return time.monotonic() - start


def evaluate(ranks, threads):
    """Wall seconds of rank 0 and CPU seconds of all ranks."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        words += [os.path.join(options.build, "tailcube"), "run", options.job, "-o", os.path.join(folder, "out"), "-q",
                  "--threads", str(threads), "--set", f"run.scenarios={options.scenarios}"]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
        if done.returncode != 0:
            sys.exit(" ".join(words) + "\n" + done.stdout)
        with open(os.path.join(folder, "out", "run.json"), encoding="utf-8") as file:
            stage = json.load(file)["stages"]["evaluate"]
        return stage["wall_seconds"], stage["cpu_seconds"]


layouts = [(1, 1), (1, CORES)] + [(ranks, 1) for ranks in options.ranks if ranks > 1]
wall, cpu, speed_up = ({layout: [] for layout in layouts} for _ in range(3))
bare = []
for number in range(options.rounds):
    if not options.no_kernels:
        bare.append(CORES * kernels(1) / kernels(CORES))
    for layout in layouts:
        seconds, used = evaluate(*layout)
        wall[layout].append(seconds)
        cpu[layout].append(used)
        speed_up[layout].append(wall[1, 1][-1] / seconds)
    print(f"round {number + 1} of {options.rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)

median = statistics.median
print(f"{options.scenarios} scenarios on {CORES} cores, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")
if bare:
    print(f"bare kernels, {CORES} copies: {median(bare):.2f} times one ({min(bare):.2f} to {max(bare):.2f})")
print("\n| ranks x threads | wall, s | CPU, s | speed-up, range | efficiency | of the bare kernels' speed-up | CPU of one thread's |\n" + "|---" * 7 + "|")
for layout in layouts:
    ranks, threads = layout
    gain = median(speed_up[layout])
    of_kernels = f"{100 * gain / median(bare):.0f} %" if bare and ranks * threads >= CORES > 1 else ""
    print(f"| {ranks} x {threads} | {median(wall[layout]):.2f} | {median(cpu[layout]):.2f} "
          f"| {gain:.2f}, {min(speed_up[layout]):.2f} to {max(speed_up[layout]):.2f} | {100 * gain / min(CORES, ranks * threads):.0f} % "
          f"| {of_kernels} | {100 * median(cpu[layout]) / median(cpu[1, 1]):.0f} % |")
