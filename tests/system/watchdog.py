"""A rank that hangs ends the run, and is named."""
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from common import HAS_MPI, MPI_ENVIRONMENT, MPIEXEC, TINY, Case, command, main, rank_process

JOB = os.path.join(TINY, "job.toml")
LONG = ("--threads", 1, "--set", "run.scenarios=50_000_000", "--set", "cube.tail=\"binned\"")


@unittest.skipUnless(HAS_MPI, "built without MPI")
class Watchdog(Case):
    def hang(self, rank, resumable=False):
        """Stops a rank of three in the middle of its work; returns what the launcher returned and printed."""
        folder = self.path("out")
        every = ("--checkpoint-every", 0.005) if resumable else ()
        process = subprocess.Popen(command("run", JOB, "-o", folder, "--patience", 4, *every, *LONG, ranks=3), stderr=subprocess.PIPE,
                                   text=True, env=os.environ | MPI_ENVIRONMENT)
        self.addCleanup(process.kill)
        awaited = os.path.join(folder, "checkpoint.tally" if resumable else "run.log")
        for _ in range(600):
            if os.path.exists(awaited):
                break
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(rank_process(folder, rank), signal.SIGSTOP)
        _, errors = process.communicate(timeout=90)
        return process.returncode, errors

    def check(self, rank, code, returned, errors):
        lines = [line for line in errors.splitlines() if "--patience" in line]
        self.assertTrue(lines, errors)
        for line in lines:  # of each rank that noticed before it was ended
            self.assertRegex(line, rf"nothing was heard of rank {rank} on {re.escape(socket.gethostname())} for 4 seconds")
        if "mpich" not in MPIEXEC:  # whose launcher returns the signal that it sent to the rank that hung
            self.assertEqual(returned, code, errors)
        return lines[0]

    def test_a_worker_hangs(self):
        self.assertIn("start again", self.check(2, 70, *self.hang(2)))

    def test_rank_0_hangs_and_there_is_a_checkpoint(self):
        self.assertIn("the same command goes on", self.check(0, 75, *self.hang(0, resumable=True)))


main()
