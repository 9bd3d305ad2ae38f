"""Exit codes and messages of the command line, the same under mpirun, printed once."""
import os
import shutil
import subprocess
import unittest

from common import HAS_MPI, MPI_ENVIRONMENT, MPIEXEC, PROGRAM, TINY, Case, command, main, read, tailcube

JOB = os.path.join(TINY, "job.toml")


class ExitCodes(Case):
    def check(self, code, *arguments, says=(), ranks=(1,)):
        for n in ranks if HAS_MPI else (1,):
            with self.subTest(arguments=arguments, ranks=n):
                result = tailcube(*arguments, ranks=n, cwd=self.folder)
                self.assertEqual(result.code, code, result.err + result.out)
                for text in says:
                    self.assertEqual((result.err + result.out).count(text), 1, f"{text!r} once in:\n{result.err}{result.out}")
                self.assertEqual(os.listdir(self.folder), self.before)

    def setUp(self):
        super().setUp()
        self.before = []

    def test_usage(self):
        self.check(64, ranks=(1, 2))
        self.check(64, "fly")
        self.check(64, "run", JOB, "--threads", "many", says=["--threads"], ranks=(1, 2))
        self.check(64, "run", JOB, "--set", "seed", says=["is not key=value"])

    def test_help_and_version(self):
        self.check(0, "--help", says=["Usage: tailcube"])
        self.check(0, "version", says=["tailcube 0.", "HDF5 ", "SIMD "], ranks=(1, 2))

    def test_missing_input(self):
        self.check(66, "run", "nowhere.toml", says=["nowhere.toml"], ranks=(1, 2))
        self.check(66, "check", "nowhere.toml", says=["nowhere.toml"])
        self.check(66, "info", "nowhere.h5", says=["nowhere.h5"])

    def test_a_price_that_a_shock_takes_away(self):
        job = os.path.join(self.folder, "job.toml")
        with open(job, "w") as out:
            out.write("""[run]\nname = "lost"\nseed = 3\nscenarios = 640\ncurrency = "USD"
[time]\nstep = "1Y"\nsteps = 4\n[files]\nfactors = "factors.csv"\npositions.holding = "holdings.csv"
[market]\nuncorrelated = ["ETH"]\n[cube]\nconfidence = [0.9]
[[stress]]\nname = "low"\nshocks = [ { factor = "ETH", add = -1000.0 } ]\n""")
        with open(os.path.join(self.folder, "factors.csv"), "w") as out:
            out.write("id,kind,initial,drift,volatility\nETH,lognormal,4000,0,0.8\n")
        with open(os.path.join(self.folder, "holdings.csv"), "w") as out:
            out.write("id,factor,quantity\nh1,ETH,2\n")
        for n in (1, 2) if HAS_MPI else (1,):
            result = tailcube("run", "job.toml", "-q", "--overwrite", "-o", "out", ranks=n, cwd=self.folder)
            self.assertEqual(result.code, 65, result.err)
            self.assertEqual(result.err.count('of cell "low": holding h1 in total: its value is not a finite number'), 1, result.err)

    def test_all_errors_at_once(self):
        job = self.job(edit=[("seed = 7", "sed = 7"), ("confidence = [0.9, 0.99]", "confidence = [0.9, 1.5]")])
        with open(self.path("job", "obligors.csv"), "a") as file:
            file.write("a1,0.02,DRV_A,0.2,0.45,,,,\nc1,1.2,DRV_A,0.2,0.45,,,,\n")
        self.before = ["job"]
        for verb in ("run", "check"):
            self.check(65, verb, job, ranks=(1, 2) if verb == "run" else (1,),
                       says=["run.sed", "cube.confidence", "obligors.csv:26: id", "obligors.csv:27: pd_1y"])

    def test_what_comes_later_is_refused_by_name(self):
        for key, value, word in (("sampling.method", "qmc", "qmc"),):
            self.check(65, "check", JOB, "--set", f"{key}={value}", says=[f"{key}"])

    def test_a_file_that_is_no_cube(self):
        with open(self.path("cube.h5"), "wb") as file:
            file.write(b"this is not HDF5" * 100)
        self.before = ["cube.h5"]
        self.check(65, "info", self.path("cube.h5"), says=["cube.h5"])

    def test_too_little_memory(self):
        self.check(65, "run", JOB, "--memory", "1k", ranks=(1, 2))

    def test_dry_run_writes_nothing(self):
        result = self.run_ok("run", JOB, "--dry-run", cwd=self.folder)
        self.assertIn("tile", result.out)
        self.assertEqual(os.listdir(self.folder), [])

    @unittest.skipUnless(shutil.which("qemu-x86_64"), "needs qemu-user")
    def test_an_old_processor_gets_a_message(self):
        old = subprocess.run(["qemu-x86_64", "-cpu", "Nehalem", PROGRAM, "version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual((old.returncode, old.stdout), (70, ""))
        self.assertIn("this CPU lacks AVX2 and FMA", old.stderr)

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_every_rank_ends_with_the_code(self):
        """mpirun shows one code only: each rank leaves its own in a file."""
        script = f'"$@"; echo $? > {self.folder}/code.${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}'
        for arguments, code in ((["run", "nowhere.toml"], 66), (["run"], 64), (["run", JOB, "-o", self.path("out"), "-q"], 0)):
            words = [MPIEXEC, "-n", "3", "sh", "-c", script, "sh", *command(*arguments)]
            subprocess.run(words, env=os.environ | MPI_ENVIRONMENT, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=60)
            self.assertEqual([read(self.path(f"code.{r}")).decode().strip() for r in range(3)], [str(code)] * 3)


main()
