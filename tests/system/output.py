"""What a run writes and prints: the folder, run.json, run.log, the table; and what it does not leave behind."""
import json
import os
import resource
import signal
import subprocess
import time
import unittest

from common import HAS_MPI, MPI_ENVIRONMENT, TINY, Case, command, main, read, tailcube

JOB = os.path.join(TINY, "job.toml")
LONG = ["--set", "run.scenarios=400000000", "--set", "cube.tail=binned", "--progress", "none"]


class Output(Case):
    def test_folder(self):
        result = self.run_ok("run", JOB, cwd=self.folder)
        self.assertEqual(sorted(os.listdir(self.path("tiny"))), ["cube.h5", "run.json", "run.log"])
        for text in ("base  [does not propagate", "slump  [propagates", "eth=-50%", "expected loss", "VaR", "ES", "hurt most", "add most to the total's ES"):
            self.assertIn(text, result.out)
        self.assertLessEqual(max(map(len, result.out.splitlines())), 120)
        self.assertIn("3,000 scenarios", read(self.path("tiny", "run.log")).decode())
        info = self.run_ok("info", self.path("tiny")).out
        self.assertTrue(info.endswith(result.out), "info ends with the same table")

    def test_record(self):
        self.cube(ranks=2 if HAS_MPI else 1)
        record = self.record()
        self.assertEqual((record["status"], record["exit_code"], record["message"]), ("complete", 0, ""))
        self.assertEqual((record["job"], record["seed"], record["scenarios"], record["cells"]), ("tiny", 7, 3000, 5))
        self.assertEqual(record["job_file"], os.path.abspath(JOB))
        ranks = 2 if HAS_MPI else 1
        self.assertEqual(record["ranks"], ranks)
        for name in ("threads_per_rank", "tiles_per_rank", "cpu_seconds_per_rank", "peak_memory_bytes_per_rank"):
            self.assertEqual(len(record[name]), ranks, name)
        self.assertTrue(all(1e6 < peak < 1e9 for peak in record["peak_memory_bytes_per_rank"]))
        self.assertEqual(list(record["stages"]), ["read", "compile", "evaluate", "contributions", "write"])
        self.assertGreater(record["stages"]["evaluate"]["cpu_seconds"], 0)
        self.assertGreater(record["obligor_scenarios_per_cpu_second"], 0)
        self.assertGreater(record["revaluations_per_cpu_second"], 0)
        self.check_energy(record)
        self.assertEqual(record["cube_bytes"], os.path.getsize(self.path("out", "cube.h5")))
        self.assertEqual(len(record["job_digest"]), 64)
        for name in ("version", "commit", "compiler", "mpi", "hdf5", "simd", "started", "memory_budget_bytes", "wall_seconds"):
            self.assertTrue(record[name], name)

    def check_energy(self, record):
        energy, million = record["energy"], 1e6 / (record["scenarios"] * record["cells"])
        self.assertEqual((energy["nodes"], energy["basis"] == "measured"), (1, energy["nodes_read"] == 1))
        if energy["basis"] == "estimated":
            self.assertAlmostEqual(energy["kwh"], record["cpu_seconds"] * 5 / 3.6e6, delta=1e-6 * energy["kwh"])
        self.assertAlmostEqual(energy["kwh_per_million_scenario_cells"], energy["kwh"] * million, delta=1e-6 * energy["kwh"] * million)
        self.assertAlmostEqual(energy["kwh_per_million_scenarios"], 5 * energy["kwh_per_million_scenario_cells"], places=8)
        self.assertIn(energy["es_cell"], ("base", "slump", "eth=-50%", "eth=-25%", "eth=0%", "grid eth=-50%"))
        self.assertEqual(energy["es_confidence"], 0.99)
        wanted = energy["kwh"] * (energy["es_relative_error"] / 0.01) ** 2
        self.assertAlmostEqual(energy["kwh_for_es_error_of_1_percent"], wanted, delta=1e-6 * wanted)

    def test_watts(self):
        for arguments, environment, watts in (([], {}, 5), ([], {"TAILCUBE_WATTS_PER_CORE": "7.5"}, 7.5), (["--watts-per-core", "12"], {}, 12)):
            result = self.run_ok("run", JOB, "-o", self.path("out"), "--overwrite", *arguments, environment=environment)
            energy = self.record()["energy"]
            if energy["basis"] == "measured":
                return
            self.assertEqual(energy["watts_per_core"], watts)
            self.assertIn(f"estimated, {watts} W a core", result.err)
        self.assertEqual(tailcube("run", JOB, "-o", self.path("out"), "--watts-per-core", "none").code, 64)

    def test_existing_output(self):
        first = self.cube()
        for ranks in (1, 2) if HAS_MPI else (1,):
            result = tailcube("run", JOB, "-o", self.path("out"), ranks=ranks)
            self.assertEqual(result.code, 74, result.err)
            self.assertEqual(result.err.count("--overwrite"), 1, result.err)
        self.assertEqual(read(self.path("out", "cube.h5")), first)
        self.assertNotEqual(self.cube("--overwrite", "--set", "run.seed=9"), first)
        with open(self.path("file"), "w") as file:
            file.write("in the way")
        self.assertEqual(tailcube("run", JOB, "-o", self.path("file"), "--overwrite").code, 74)

    def test_styles_of_logging(self):
        lines = self.run_ok("run", JOB, "--json-log", "-v", "-o", self.path("json")).err.splitlines()
        self.assertTrue(lines)
        for line in lines + read(self.path("json", "run.log")).decode().splitlines():
            self.assertEqual(sorted(json.loads(line)), ["level", "text", "time"])
        quiet = self.run_ok("run", JOB, "-q", "-o", self.path("quiet"))
        self.assertEqual(quiet.out, "")
        self.assertNotIn("scenarios", "".join(l for l in quiet.err.splitlines() if not l.startswith("warning:")))
        bar = self.run_ok("run", JOB, "--progress", "bar", "--set", "run.scenarios=200000", "-o", self.path("bar"))
        self.assertIn(" left", bar.err)

    def start(self, *arguments, ranks=1):
        process = subprocess.Popen(command(*arguments, ranks=ranks), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=os.environ | MPI_ENVIRONMENT)
        self.addCleanup(process.communicate)
        self.addCleanup(process.terminate)
        return process

    def test_terminated(self):
        for number, code in ((signal.SIGTERM, 75), (signal.SIGINT, 130)):
            folder = self.path(f"out{code}")
            process = self.start("run", JOB, "-o", folder, *LONG)
            self.wait_for(os.path.join(folder, "run.log"))
            time.sleep(0.3)
            self.assertIsNone(process.poll(), "it runs for minutes unless it is stopped")
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
            self.assertEqual(process.returncode, code, errors)
            self.assertEqual(sorted(os.listdir(folder)), ["checkpoint.tally", "run.json", "run.log"])
            record = self.record(f"out{code}")
            self.assertEqual((record["status"], record["exit_code"], record["cube_bytes"]), ("stopped", code, 0))

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_terminated_under_mpirun(self):
        """mpirun passes the signal on to all ranks and has a code of its own: run.json tells."""
        os.environ["OMPI_MCA_odls_base_sigkill_timeout"] = "12"  # otherwise it kills the ranks after a second
        self.addCleanup(os.environ.pop, "OMPI_MCA_odls_base_sigkill_timeout")
        process = self.start("run", JOB, "-o", self.path("out"), *LONG, ranks=2)
        self.wait_for(self.path("out", "run.log"))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(sorted(os.listdir(self.path("out"))), ["checkpoint.tally", "run.json", "run.log"])
        self.assertEqual(self.record()["exit_code"], 75)
        if "MPICH" not in tailcube("version").out:  # whose launcher sometimes ends with 0
            self.assertNotEqual(process.returncode, 0)

    def wait_for(self, path):
        for _ in range(200):
            if os.path.exists(path):
                return
            time.sleep(0.05)
        self.fail(f"{path} does not appear")

    def test_full_disk(self):
        """Files may not grow beyond a few kB: as on a full disk, writing fails."""
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        result = tailcube("run", JOB, "-o", self.path("out"), preexec_fn=limit)
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("cube.h5", result.err)
        self.assertNotIn("cube.h5", os.listdir(self.path("out")))
        self.assertEqual([name for name in os.listdir(self.path("out")) if name.endswith(".part")], [])
        self.assertEqual(self.record()["status"], "failed")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a file system")
    def test_really_full_disk(self):
        os.mkdir(self.path("disk"))
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.path("disk")], stderr=subprocess.DEVNULL)
        if mounted.returncode != 0:
            self.skipTest("mounting is not allowed here")
        try:
            result = tailcube("run", JOB, "-o", self.path("disk", "out"))
            self.assertEqual(result.code, 74, result.err)
            left = os.listdir(self.path("disk", "out")) if os.path.exists(self.path("disk", "out")) else []
            self.assertEqual([name for name in left if name == "cube.h5" or name.endswith(".part")], [])
        finally:
            subprocess.run(["umount", self.path("disk")], check=True)

    def test_no_permission(self):
        drop = (lambda: os.setuid(65534)) if os.geteuid() == 0 else None
        os.mkdir(self.path("locked"))
        os.chmod(self.path("locked"), 0o555)
        result = tailcube("run", JOB, "-o", self.path("locked", "out"), preexec_fn=drop, cwd="/")
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("locked", result.err)


main()
