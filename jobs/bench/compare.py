#!/usr/bin/env python3
"""Runs the credit benchmark and a reference program in turns and compares CPU seconds. Standard library only.

  jobs/bench/compare.py [--repeats 3] [--reference 'python3 reference.py 2000000'] [-- options of tailcube run]

CPU seconds are those of the whole process, input and output included. A reference that prints "cpu s X" counts with that X, so that
its start-up and compilation are not held against it. Compare on a quiet machine, and compare ratios, not seconds.
"""
import argparse
import json
import os
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOB = os.path.join(ROOT, "jobs", "bench", "credit_10k")


def cpu_seconds(command):
    """CPU seconds and output of a command that must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def run_reference(command):
    seconds, text = cpu_seconds(command)
    own = re.search(r"cpu s\s+([0-9.]+)", text)
    return (float(own.group(1)) if own else seconds), text.strip()


def main():
    options, rest = sys.argv[1:], []
    if "--" in options:
        rest = options[options.index("--") + 1 :]
        options = options[: options.index("--")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, "build", "release", "tailcube"))
    parser.add_argument("--reference", help="a command that does the same work and is run in turns with ours")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(options)

    subprocess.run([sys.executable, os.path.join(JOB, "make_book.py")], check=True)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        command = [given.program, "run", os.path.join(JOB, "job.toml"), "-o", folder, "--overwrite", "-q", *rest]
        for _ in range(given.repeats):
            ours.append(cpu_seconds(command)[0])
            line = f"tailcube  {ours[-1]:8.2f} CPU s"
            if given.reference:
                seconds, text = run_reference(shlex.split(given.reference))
                theirs.append(seconds)
                line += f"   reference {seconds:8.2f} CPU s   {text.splitlines()[-1][:100] if text else ''}"
            print(line, flush=True)
        with open(os.path.join(folder, "run.json")) as file:
            record = json.load(file)
    work = record["obligors"] * record["scenarios"]
    print(f"tailcube  {work / statistics.median(ours) / 1e6:8.1f} million obligor-scenarios per CPU second "
          f"({record['sampler']}, {record['simd']}, commit {record['commit']})")
    if theirs:
        print(f"reference {work / statistics.median(theirs) / 1e6:8.1f} million, if it did the same {work / 1e9:.1f} billion obligor-scenarios")
        print(f"ratio of median CPU seconds, reference / tailcube: {statistics.median(theirs) / statistics.median(ours):.2f}")


main()
