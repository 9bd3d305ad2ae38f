"""The job scripts of jobs/slurm on a real Slurm with two nodes, which slurm_cluster.py brings up."""
import os
import tempfile
import unittest

import slurm_cluster

if __name__ == "__main__":
    slurm_cluster.enter()

from common import HAS_MPI, PROGRAM, ROOT, TINY, Case, main, read

JOB = os.path.join(TINY, "job.toml")


class Slurm(Case):
    @classmethod
    def setUpClass(cls):
        cls.cluster = slurm_cluster.Cluster()
        cls.cores = cls.cluster.cores
        tempfile.tempdir = slurm_cluster.BASE  # gone with the namespace

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

    def check_cube(self, output):
        self.assertTrue(read(self.path(output, "cube.h5")) == self.cube(output="expected"), "another cube")

    def test_one_node(self):
        self.finish(self.submit([f"--cpus-per-task={self.cores}"], "one_node.sbatch", JOB, "out"))
        self.check_cube("out")
        if self.cluster.binds:
            self.assertIn(f"1 rank x {self.cores} thread", self.log())

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_many_nodes(self):
        sizes = ["--nodes=2", f"--ntasks-per-node={self.cores}", "--cpus-per-task=1"]
        self.finish(self.submit(sizes, "many_nodes.sbatch", JOB, "out"))
        self.check_cube("out")
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
        self.check_cube("out")
        self.assertIn(f"{2 * self.cores} ranks x 1 thread on 2 nodes", self.log())
        self.assertEqual(self.record("out")["energy"]["nodes"], 2)

    def test_an_error_is_the_exit_code_of_the_job(self):
        self.finish(self.submit(["--cpus-per-task=1"], "one_node.sbatch", "nowhere.toml", "out"), "FAILED", "66:0")
        self.assertIn("nowhere.toml", self.log())

    def test_a_program_that_is_not_there(self):
        number = self.submit(["--cpus-per-task=1"], "one_node.sbatch", JOB, "out", program="/nowhere/tailcube")
        self.finish(number, "FAILED", "127:0")
        self.assertIn("there is no /nowhere/tailcube", self.log())


main()
