"""The job scripts of jobs/slurm on a real Slurm with two nodes, which slurm_cluster.py brings up."""
import os
import re
import subprocess
import tempfile
import unittest

import slurm_cluster

if __name__ == "__main__":
    slurm_cluster.enter()

from common import HAS_MPI, PROGRAM, ROOT, TINY, Case, main, read, tailcube

JOB = os.path.join(TINY, "job.toml")
# Far too slow for its time limit, until Slurm has started the job again.
SLOW_AT_FIRST = f"""#!/bin/sh
[ -n "$SLURM_RESTART_COUNT" ] || set -- "$@" --slow-rank "$SLURM_PROCID:1000"
exec {PROGRAM} "$@"
"""


class Slurm(Case):
    @classmethod
    def setUpClass(cls):
        cls.cluster = slurm_cluster.Cluster()
        cls.cores = cls.cluster.cores
        tempfile.tempdir = slurm_cluster.BASE  # gone with the namespace
        # Debian's MPICH and Slurm meet by PMI2, its Open MPI and Slurm by PMIx.
        os.environ["SRUN_MPI"] = "pmi2" if "MPICH" in tailcube("version").out else "pmix"
        folder = tempfile.mkdtemp()
        done = tailcube("run", JOB, "-o", os.path.join(folder, "out"), "-q")
        assert done.code == 0, done.err
        cls.expected = read(os.path.join(folder, "out", "cube.h5"))

    def setUp(self):
        super().setUp()
        os.chdir(self.folder)

    def submit(self, options, script, *arguments, program=PROGRAM):
        path = os.path.join(ROOT, "jobs", "slurm", script)
        os.environ["TAILCUBE"] = program
        return self.cluster.submit("--output=job.log", *options, path, *arguments)

    def log(self):
        return read("job.log").decode()

    def finish(self, number, state="COMPLETED", code="0:0"):
        job = self.cluster.wait_end(number)
        self.assertEqual((job["JobState"], job["ExitCode"]), (state, code), f"{self.log()}\n{job}")

    def check_cube(self):
        self.assertTrue(read(self.path("out", "cube.h5")) == self.expected, "another cube")

    def test_one_node(self):
        self.finish(self.submit([f"--cpus-per-task={self.cores}"], "one_node.sbatch", JOB, "out"))
        self.check_cube()
        if self.cluster.binds:
            self.assertIn(f"1 rank x {self.cores} thread", self.log())

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_many_nodes(self):
        sizes = ["--nodes=2", f"--ntasks-per-node={self.cores}", "--cpus-per-task=1"]
        self.finish(self.submit(sizes, "many_nodes.sbatch", JOB, "out"))
        self.check_cube()
        self.assertIn(f"{2 * self.cores} ranks x ", self.log())
        self.assertIn(" on 2 nodes", self.log())
        if self.cluster.binds:
            self.assertIn(" ranks x 1 thread ", self.log())

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_printed_script(self):
        """What `tailcube submit` prints, as it is."""
        layout = ["--ranks", 2 * self.cores, "--ranks-per-node", self.cores, "--threads", 1]
        with open("printed.sbatch", "w") as file:
            file.write(self.run_ok("submit", JOB, "--slurm", "--print", "-o", "out", "--calibrate", "0.1", *layout).out)
        self.finish(self.cluster.submit("--output=job.log", "printed.sbatch"))
        self.check_cube()
        self.assertIn(f"{2 * self.cores} ranks x 1 thread on 2 nodes", self.log())
        self.assertEqual(self.record("out")["energy"]["nodes"], 2)

    def test_printed_script_with_shards(self):
        """It submits itself as a job array and as the merge after it."""
        with open("printed.sh", "w") as file:
            file.write(self.run_ok("submit", JOB, "--slurm", "--print", "-o", "out", "--calibrate", "0.1", "--threads", 1,
                                   "--shards", 2).out)
        said = slurm_cluster.must("bash", "printed.sh")
        found = re.fullmatch(r"shards: job array (\d+); merge: job (\d+)\n", said)
        self.assertTrue(found, said)
        self.assertEqual(self.cluster.wait_end(int(found[2]))["JobState"], "COMPLETED")
        self.check_cube()

    def slow_at_first(self):
        path = self.path("slow_at_first")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
            file.write(SLOW_AT_FIRST)
        return path

    def submit_requeue(self, *options):
        sizes = ["--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1", *options] if HAS_MPI else ["--nodes=1", *options]
        return self.submit(sizes, "requeue.sbatch", JOB, "out", program=self.slow_at_first())

    def test_time_limit_then_requeue_until_done(self):
        # Slurm looks at the time every 30 s and signals when the next look would be too late: 12 to 42 s after the start here.
        number = self.submit_requeue("--time=1", "--signal=B:USR1@18")
        self.finish(number)
        self.assertGreaterEqual(int(self.cluster.job(number)["Restarts"]), 1, self.log())
        self.assertIn("back into the queue", self.log())
        self.assertRegex(self.log(), r"going on with .*checkpoint\.tally: [1-9]")
        self.check_cube()
        self.assertEqual([name for name in os.listdir("out") if "checkpoint" in name], [])

    def test_cancelled_stays_cancelled_and_goes_on_when_asked(self):
        number = self.submit_requeue()
        self.cluster.wait_for(lambda: os.path.exists("out/run.log"), 60, "the job has begun")
        subprocess.run(["scancel", str(number)], check=True)
        self.assertEqual(self.cluster.wait_end(number)["JobState"], "CANCELLED")
        self.cluster.wait_for(lambda: os.path.exists("out/checkpoint.tally"), 60, "there is a checkpoint")
        self.assertNotIn("back into the queue", self.log())
        job = self.cluster.job(number)
        self.assertEqual((job["JobState"], job["Restarts"]), ("CANCELLED", "0"))
        self.finish(self.submit(["--cpus-per-task=1"], "one_node.sbatch", JOB, "out"))
        self.assertIn("going on with", self.log())
        self.check_cube()

    def submit_array(self, shards, *arguments):
        """Returns the shards that were submitted, their job array and the job of the merge."""
        os.environ |= {"TAILCUBE": PROGRAM, "SBATCH_OPTIONS": "--cpus-per-task=1"}
        script = os.path.join(ROOT, "jobs", "slurm", "submit_array.sh")
        said = slurm_cluster.must(script, JOB, "out", str(shards), *arguments)
        found = re.fullmatch(r"shards (\S+): job array (\d+)\nmerge: job (\d+)\n", said)
        self.assertTrue(found, said)
        return found[1], int(found[2]), int(found[3])

    def test_array_then_merge(self):
        shards, _, merge = self.submit_array(3, "--memory", "300M")
        self.assertEqual(shards, "1-3")
        self.assertEqual(self.cluster.wait_end(merge)["JobState"], "COMPLETED")
        self.check_cube()
        os.remove("out/cube.h5")
        os.remove("out/shard-0002-of-0003.tally")
        shards, _, merge = self.submit_array(3)
        self.assertEqual(shards, "2")
        self.assertEqual(self.cluster.wait_end(merge)["JobState"], "COMPLETED")
        self.check_cube()

    def test_a_shard_that_fails_takes_the_merge_with_it(self):
        _, array, merge = self.submit_array(2, "--set", "run.sed=1")
        self.assertEqual(self.cluster.wait_end(merge)["JobState"], "CANCELLED")
        self.assertEqual(self.cluster.job(array)["ExitCode"], "65:0")
        self.assertFalse(os.path.exists("out/cube.h5"))

    def test_an_error_is_the_exit_code_of_the_job(self):
        self.finish(self.submit(["--cpus-per-task=1"], "one_node.sbatch", "nowhere.toml", "out"), "FAILED", "66:0")
        self.assertIn("nowhere.toml", self.log())

    def test_a_program_that_is_not_there(self):
        number = self.submit(["--cpus-per-task=1"], "one_node.sbatch", JOB, "out", program="/nowhere/tailcube")
        self.finish(number, "FAILED", "127:0")
        self.assertIn("no /nowhere/tailcube", self.log())


main()
