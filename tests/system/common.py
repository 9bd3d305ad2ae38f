"""What the system tests share: the program, the tiny job, and a way to run both. Standard library only."""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("TAILCUBE_PROGRAM", os.path.join(ROOT, "build", "release", "tailcube"))
MPIEXEC = os.environ.get("TAILCUBE_MPIEXEC", "mpirun")  # of the MPI that the program was built with
HAS_MPI = os.environ.get("TAILCUBE_MPI", "ON") in ("ON", "1", "TRUE")
TINY = os.path.join(ROOT, "tests", "data", "tiny")
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
}


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


def command(*arguments, ranks=1, program=PROGRAM):
    words = [program, *map(str, arguments)]
    return [MPIEXEC, "-n", str(ranks), *words] if ranks > 1 else words


def tailcube(*arguments, ranks=1, cwd=None, timeout=120, environment=None, **more):
    """Runs the program, under mpirun from two ranks on. Never waits longer than the timeout."""
    done = subprocess.run(command(*arguments, ranks=ranks), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, env=os.environ | MPI_ENVIRONMENT | (environment or {}), **more)
    return Result(done.returncode, done.stdout, done.stderr)


def rank_process(folder, rank):
    """The id of the process that is this rank of the run into the folder, or nothing."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read(f"/proc/{pid}/cmdline").split(b"\0")
            variables = read(f"/proc/{pid}/environ").split(b"\0")
        except OSError:  # it has ended, or is another user's
            continue
        names = [f"{name}={rank}".encode() for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK")]
        if words[0] == PROGRAM.encode() and folder.encode() in words and any(name in variables for name in names):
            return int(pid)
    return None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def seal(path):
    """What ends a cube, made anew after another program has changed the file."""
    contents = read(path)
    with open(path, "ab") as file:
        file.write(hashlib.sha256(contents).digest() + len(contents).to_bytes(8, "little") + b"TCseal1\n")


class Case(unittest.TestCase):
    """Each test has an empty folder; `job` copies the tiny job there."""

    maxDiff = 4000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tailcube-")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def job(self, name="job", edit=None):
        """A copy of the tiny job; edit is a list of (old, new) replacements in job.toml."""
        folder = self.path(name)
        shutil.copytree(TINY, folder)
        job = os.path.join(folder, "job.toml")
        text = read(job).decode()
        for old, new in edit or []:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with open(job, "w") as file:
            file.write(text)
        return job

    def run_ok(self, *arguments, **more):
        result = tailcube(*arguments, **more)
        self.assertEqual(result.code, 0, f"{arguments} {more}\n{result.err}\n{result.out}")
        return result

    def cube(self, *arguments, output="out", job=os.path.join(TINY, "job.toml"), **more):
        """Runs a job into a folder of this test and returns the bytes of its cube."""
        self.run_ok("run", job, "-o", self.path(output), "-q", *arguments, **more)
        return read(self.path(output, "cube.h5"))

    def ask(self, command, *arguments, code=0, says=()):
        """What a command prints that answers from the cube in self.out and the job in job: all of it, or nothing."""
        folder = [] if "--job" in arguments else ["--job", self.path("job")]
        result = tailcube(command, self.out, *folder, *arguments, cwd=self.folder)
        self.assertEqual(result.code, code, result.err + result.out)
        for text in says:
            self.assertIn(text, result.err + result.out)
        if code != 0:
            self.assertEqual(result.out, "", "half an answer")
        return result.out

    def record(self, output="out"):
        return json.loads(read(self.path(output, "run.json")))


def main():
    unittest.main(verbosity=2)
