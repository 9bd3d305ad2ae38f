"""kill_campaign.py [KILLS [SEED]]: kills tiny jobs at random moments, goes on with other ranks, threads and memory, and compares the
cube with that of an undisturbed run. Prints what it did; ends with 1 if a byte differed or a run would not go on."""
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common import HAS_MPI, MPI_ENVIRONMENT, PROGRAM, TINY, command, read, tailcube

JOBS = {  # what each adds to the tiny job
    "exact": ["--set", "run.scenarios=30000"],
    "binned": ["--set", "run.scenarios=60000", "--set", "cube.tail=binned", "--set", "cube.confidence=[0.9]"],
    "other seed": ["--set", "run.scenarios=20000", "--set", "run.seed=12"],
}
VICTIMS = ("every process", "every process", "a worker", "rank 0", "mpirun")


def ranks_of(folder):
    """The processes of the program that write to this folder, by rank; 0 where it runs alone."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read(f"/proc/{pid}/cmdline").decode().split("\0")
            if words[0] == PROGRAM and folder in words:
                variables = dict(v.split("=", 1) for v in read(f"/proc/{pid}/environ").decode().split("\0") if "=" in v)
                found[int(variables.get("OMPI_COMM_WORLD_RANK", variables.get("PMI_RANK", 0)))] = int(pid)
        except OSError:
            pass  # it has ended
    return found


def kill(process, folder, victim, counts):
    ranks = ranks_of(folder)
    chosen = {"a worker": ranks.get(max(ranks, default=0)), "rank 0": ranks.get(0), "mpirun": process.pid}.get(victim)
    for pid in list(ranks.values()) + [process.pid] if victim == "every process" or chosen is None else [chosen]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        # Open MPI 4.1: mpirun itself can wait for ever in PMIx_server_finalize, after all its ranks have ended.
        if ranks_of(folder):
            raise
        process.kill()
        process.wait(timeout=60)
        counts["mpirun hung with no rank left"] += 1
    for _ in range(1000):  # ranks whose mpirun was killed notice it a little later
        if not ranks_of(folder):
            return
        time.sleep(0.01)
    raise SystemExit(f"ranks go on without mpirun: {ranks_of(folder)}")


def main(kills, seed, counts):
    """Returns how many runs were lost or ended in other bytes."""
    lost = 0
    rng = random.Random(seed)
    base = tempfile.mkdtemp(prefix="tailcube-kills-")
    job, seconds = os.path.join(TINY, "job.toml"), {}
    for name, settings in JOBS.items():
        subprocess.run(command("run", job, *settings, "-q", "-o", os.path.join(base, name)), check=True, stderr=subprocess.DEVNULL)
        with open(os.path.join(base, name, "run.json")) as file:
            seconds[name] = json.load(file)["wall_seconds"]
    while counts["kills"] < kills:
        name = rng.choice(list(JOBS))
        folder = os.path.join(base, "out")
        for _ in range(rng.randint(1, 6)):  # kills of this run
            if os.path.exists(os.path.join(folder, "cube.h5")) and not os.path.exists(os.path.join(folder, "checkpoint.tally")):
                break
            ranks = rng.choice((1, 2, 3)) if HAS_MPI else 1
            arguments = ["run", job, *JOBS[name], "-q", "-o", folder, "--threads", rng.choice((1, 2)),
                         "--checkpoint-every", rng.choice((0.0002, 0.001, 0.005)), "--memory", rng.choice(("400M", "160M"))]
            process = subprocess.Popen(command(*arguments, ranks=ranks), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=os.environ | MPI_ENVIRONMENT)
            begun = rng.random() < 0.8  # otherwise while it reads and compiles
            while begun and process.poll() is None and not os.path.exists(os.path.join(folder, ".lock")):
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 1.2 * seconds[name] if begun else 0.5))
            if process.poll() is not None:
                counts["ended before"] += 1
                continue
            victim = rng.choice(VICTIMS) if ranks > 1 else "every process"
            kill(process, folder, victim, counts)
            counts["kills"] += 1
            counts["of " + victim] += 1
            left = os.listdir(folder) if os.path.exists(folder) else []
            counts["with a checkpoint"] += "checkpoint.tally" in left or "checkpoint.previous.tally" in left
            counts["in a write"] += any(n.endswith(".part") for n in left)
            if os.environ.get("TAILCUBE_CAMPAIGN_VERBOSE"):
                print(dict(counts), flush=True)
        if not os.path.exists(os.path.join(folder, "cube.h5")) or os.path.exists(os.path.join(folder, "checkpoint.tally")):
            done = tailcube("run", job, *JOBS[name], "-q", "-o", folder, "--threads", 2)
            if done.code != 0:
                lost += 1
                print(f"would not go on: {done.code} {done.err}")
        counts["runs"] += 1
        cube = os.path.join(folder, "cube.h5")
        if os.path.exists(cube) and read(cube) != read(os.path.join(base, name, "cube.h5")):
            lost += 1
            print(f"another cube: {name}")
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(base, ignore_errors=True)
    return lost


if __name__ == "__main__":
    totals = collections.Counter()
    failed = main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 1, totals)
    print(", ".join(f"{n} {what}" for what, n in totals.items()) + f"; {failed} lost or different")
    sys.exit(1 if failed else 0)
