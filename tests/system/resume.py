"""Runs that are stopped, killed or hindered at their checkpoints go on, and end in the same bytes as an undisturbed one."""
import os
import random
import resource
import shutil
import signal
import subprocess
import time
import unittest

import quarantine
from common import HAS_MPI, MPI_ENVIRONMENT, PROGRAM, TINY, Case, command, main, read, tailcube

JOB = os.path.join(TINY, "job.toml")
SIZE = ["--set", "run.scenarios=40000", "--progress", "none", "-q"]
OFTEN = ["--checkpoint-every", "0.0005"]  # 30 milliseconds
EMPTY = ["cube.h5", "run.json", "run.log"]


class Resume(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = Case("setUp")
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.expected = case.cube(*SIZE)

    def start(self, *arguments, ranks=1, output="out", job=JOB, **more):
        process = subprocess.Popen(command("run", job, "-o", self.path(output), *SIZE, *arguments, ranks=ranks), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | MPI_ENVIRONMENT,
                                   start_new_session=True, **more)
        self.addCleanup(process.communicate)
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
        return process

    def wait_for(self, *names, process=None):
        for _ in range(3000):
            if all(os.path.exists(self.path("out", name)) for name in names):
                return
            if process and process.poll() is not None:
                self.fail(f"it ended before {names}: {process.communicate()}")
            time.sleep(0.01)
        self.fail(f"{names} do not appear, there are {os.listdir(self.path('out'))}")

    def ranks_of(self, process):
        """The processes of the program under mpirun, by rank."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                variables = dict(v.split("=", 1) for v in read(f"/proc/{pid}/environ").decode().split("\0") if "=" in v)
                words = read(f"/proc/{pid}/cmdline").decode().split("\0")
            except OSError:
                continue
            rank = variables.get("OMPI_COMM_WORLD_RANK", variables.get("PMI_RANK"))
            if words[0] == PROGRAM and rank and self.path("out") in words:
                found[int(rank)] = int(pid)
        return found

    def kill_all(self, process):
        """The whole job at once, as when the power fails."""
        pids = list(self.ranks_of(process).values()) + [process.pid]
        while pids:  # a rank may just have been started
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
            pids = list(self.ranks_of(process).values())
        process.communicate(timeout=30)

    def finish(self, *arguments, ranks=1, **more):
        """The same command line again ends in the expected bytes and leaves nothing else."""
        self.run_ok("run", JOB, "-o", self.path("out"), *SIZE, *arguments, ranks=ranks, **more)
        self.assertTrue(read(self.path("out", "cube.h5")) == self.expected, "another cube")
        self.assertEqual(sorted(os.listdir(self.path("out"))), EMPTY)
        record = self.record()
        self.assertEqual((record["status"], record["exit_code"], record["message"]), ("complete", 0, ""))
        self.assertEqual(record["scenario_cells_done"], 5 * 40000)
        return record

    def stopped(self, *arguments, ranks=1):
        """A run that is stopped after its first checkpoint."""
        latest = self.path("out", "checkpoint.tally")
        before = os.stat(latest).st_ino if os.path.exists(latest) else None
        process = self.start(*OFTEN, *arguments, ranks=ranks)
        self.wait_for("checkpoint.tally", process=process)
        while process.poll() is None and (not os.path.exists(latest) or os.stat(latest).st_ino == before):
            time.sleep(0.01)
        process.send_signal(signal.SIGUSR1)  # which mpirun passes on, without killing after a second as after SIGTERM
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    def test_signals(self):
        for number, code in ((signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)):
            with self.subTest(signal=number):
                process = self.start("--checkpoint-every", "0", "--threads", "1")
                self.wait_for("run.log", process=process)
                time.sleep(0.15)
                self.assertFalse(os.path.exists(self.path("out", "checkpoint.tally")))
                process.send_signal(number)
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, code, errors)
                record = self.record()
                self.assertEqual((record["status"], record["exit_code"]), ("stopped", code))
                self.assertIn("the same command line goes on", record["message"])
                self.assertEqual(sorted(os.listdir(self.path("out"))), ["checkpoint.tally", "run.json", "run.log"])
                self.assertEqual(record["checkpoints"]["written"], 1)
                self.assertEqual(record["checkpoints"]["bytes"], os.path.getsize(self.path("out", "checkpoint.tally")))
                again = self.finish()
                self.assertEqual(again["scenario_cells_resumed"], record["scenario_cells_done"])
                shutil.rmtree(self.path("out"))

    def test_a_signal_before_the_first_scenario(self):
        process = self.start()
        process.send_signal(signal.SIGSTOP)
        self.kill_all(process)
        self.finish()

    def test_max_hours(self):
        for ranks in (1, 2) if HAS_MPI else (1,):
            shutil.rmtree(self.path("out"), ignore_errors=True)
            result = tailcube("run", JOB, "-o", self.path("out"), *SIZE, "--threads", "1", "--max-hours", "0.00004", ranks=ranks)
            self.assertEqual(result.code, 75, result.err)
            self.assertIn("--max-hours", self.record()["message"])
            goes_on = 1 if self.record()["scenario_cells_done"] else 0
            self.assertEqual(result.err.count("the same command line"), goes_on, result.err)
        self.finish("--max-hours", "1")

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_every_rank_ends_with_75(self):
        script = f'"$@"; echo $? > {self.folder}/code.${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}'
        words = command("run", JOB, "-o", self.path("out"), *SIZE, *OFTEN, ranks=3)
        process = subprocess.Popen(words[:3] + ["sh", "-c", "trap : USR1; " + script, "sh"] + words[3:], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=os.environ | MPI_ENVIRONMENT)
        self.wait_for("checkpoint.tally", process=process)
        for pid in self.ranks_of(process).values():
            os.kill(pid, signal.SIGUSR1)
        process.communicate(timeout=60)
        self.assertEqual([read(self.path(f"code.{r}")).decode().strip() for r in range(3)], ["75"] * 3)
        self.finish(ranks=2)

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_other_ranks_threads_and_memory(self):
        done = 0
        for ranks, more in ((2, []), (1, ["--memory", "100M"]), (3, ["--threads", "2", "--memory", "97M"])):
            self.stopped(*more, ranks=ranks)  # a launcher may have a code of its own
            record = self.record()
            self.assertEqual((record["status"], record["exit_code"], record["scenario_cells_resumed"]), ("stopped", 75, done))
            self.assertGreater(record["scenario_cells_done"], done)
            done = record["scenario_cells_done"]
        self.assertEqual(self.finish("--memory", "120M")["scenario_cells_resumed"], done)

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_a_killed_rank(self):
        """Open MPI ends the whole job; the same command line goes on."""
        for rank in (0, 2):
            with self.subTest(rank=rank):
                process = self.start(*OFTEN, ranks=3)
                self.wait_for("checkpoint.tally", process=process)
                os.kill(self.ranks_of(process)[rank], signal.SIGKILL)
                process.communicate(timeout=60)
                self.assertNotEqual(process.returncode, 0)
                self.assertGreater(self.finish(ranks=2)["scenario_cells_resumed"], 0)
                shutil.rmtree(self.path("out"))

    def test_killed_while_writing(self):
        for name in ("checkpoint.next.tally", "cube.h5"):
            with self.subTest(file=name):
                code, errors = self.stopped()
                self.assertEqual(code, 75, errors)
                before = read(self.path("out", "checkpoint.tally"))
                process = self.start("--pause-at", name, *(OFTEN if name != "cube.h5" else []))
                self.wait_for(name + ".part", process=process)
                time.sleep(0.1)
                self.assertGreater(os.path.getsize(self.path("out", name + ".part")), 1000)
                self.kill_all(process)
                self.assertTrue(read(self.path("out", "checkpoint.tally")) == before)
                self.assertGreater(self.finish()["scenario_cells_resumed"], 0)
                shutil.rmtree(self.path("out"))

    def test_killed_when_all_was_done(self):
        """The cube is there but not its record: the same command line makes both again."""
        process = self.start(*OFTEN, "--pause-at", "run.json")
        self.wait_for("run.json.part", process=process)
        self.kill_all(process)
        self.assertEqual(self.finish()["scenario_cells_resumed"], 5 * 40000)

    def test_contributions_by_column(self):
        """Killed while scenarios are evaluated, then before the cube is written, after values were chosen to be told apart."""
        by = ["--set", 'cube.contribute_by=["obligor", "position", "currency"]', "--set", "cube.contribute_top=4"]
        self.expected_by = self.cube(*SIZE, *by, output="expected")
        for arguments, appears in ((OFTEN, "checkpoint.tally"), (["--pause-at", "cube.h5", *OFTEN], "cube.h5.part")):
            process = self.start(*arguments, *by)
            self.wait_for(appears, process=process)
            self.kill_all(process)
            self.assertFalse(os.path.exists(self.path("out", "cube.h5")))
        self.run_ok("run", JOB, "-o", self.path("out"), *SIZE, *by, "--threads", "2", ranks=2 if HAS_MPI else 1)
        self.assertGreater(self.record()["scenario_cells_resumed"], 0)
        self.assertTrue(read(self.path("out", "cube.h5")) == self.expected_by, "another cube")

    def damage(self, name, how):
        path = self.path("out", name)
        contents = bytearray(read(path))
        if how == "cut off":
            del contents[len(contents) // 2:]
        else:
            contents[random.Random(name).randrange(len(contents))] ^= 1
        with open(path, "wb") as file:
            file.write(contents)

    def two_checkpoints(self):
        process = self.start(*OFTEN)
        self.wait_for("checkpoint.tally", "checkpoint.previous.tally", process=process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.wait_for("checkpoint.tally", "checkpoint.previous.tally")

    def test_damaged(self):
        for how in ("cut off", "changed"):
            with self.subTest(how=how):
                self.two_checkpoints()
                done = self.record()["scenario_cells_done"]
                self.damage("checkpoint.tally", how)
                shutil.copytree(self.path("out"), self.path("both"))
                result = self.run_ok("run", JOB, "-o", self.path("out"), *SIZE)
                self.assertIn("checkpoint.tally", result.err)
                self.assertIn("going on with the one before", result.err)
                self.assertTrue(0 < self.record()["scenario_cells_resumed"] < done)
                self.assertTrue(read(self.path("out", "cube.h5")) == self.expected, "another cube")
                shutil.rmtree(self.path("out"))
                os.rename(self.path("both"), self.path("out"))
                self.damage("checkpoint.previous.tally", how)
                result = tailcube("run", JOB, "-o", self.path("out"), *SIZE)
                self.assertEqual(result.code, 65, result.err)
                self.assertIn("--resume never", result.err)
                self.assertEqual(self.finish("--resume", "never")["scenario_cells_resumed"], 0)
                shutil.rmtree(self.path("out"))

    def test_another_job(self):
        code, errors = self.stopped()
        self.assertEqual(code, 75, errors)
        before = read(self.path("out", "checkpoint.tally"))
        job = self.job(edit=[("confidence = [0.9, 0.99]", "confidence = [0.9, 0.95]")])
        for arguments, says in ((["--set", "run.seed=8"], "seed 7, not 8"),
                                (["--set", "run.scenarios=50000"], "40000 scenarios, not 50000"),
                                (["--set", "cube.tail=binned"], "binned"),
                                ([], "digest")):
            with self.subTest(arguments=arguments):
                result = tailcube("run", JOB if arguments else job, "-o", self.path("out"), *SIZE, *arguments)
                self.assertEqual(result.code, 65, result.err)
                for text in (says, "checkpoint.tally", "--resume never"):
                    self.assertIn(text, result.err)
        self.assertTrue(read(self.path("out", "checkpoint.tally")) == before)
        self.finish()

    def test_another_version(self):
        code, errors = self.stopped()
        self.assertEqual(code, 75, errors)
        path = self.path("out", "checkpoint.tally")
        contents = bytearray(read(path))
        contents[8] += 1  # the version of the format
        with open(path, "wb") as file:
            file.write(contents)
        os.remove(self.path("out", "checkpoint.previous.tally")) if os.path.exists(self.path("out", "checkpoint.previous.tally")) else None
        result = tailcube("run", JOB, "-o", self.path("out"), *SIZE)
        self.assertEqual(result.code, 65, result.err)
        self.assertIn("format 2", result.err)

    def test_a_given_file(self):
        code, errors = self.stopped()
        self.assertEqual(code, 75, errors)
        done = self.record()["scenario_cells_done"]
        shutil.copy(self.path("out", "checkpoint.tally"), self.path("mine.tally"))
        shutil.rmtree(self.path("out"))
        self.assertEqual(tailcube("run", JOB, "-o", self.path("out"), *SIZE, "--resume", "nowhere.tally").code, 66)
        self.assertEqual(tailcube("run", JOB, "-o", self.path("out"), *SIZE, "--resume", JOB).code, 65)
        self.assertEqual(self.finish("--resume", self.path("mine.tally"))["scenario_cells_resumed"], done)

    def test_full_disk(self):
        """Checkpoints fail, with a warning; the run goes on, and what was there before stays."""
        code, errors = self.stopped()
        self.assertEqual(code, 75, errors)
        before = read(self.path("out", "checkpoint.tally"))
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))
        process = self.start("--checkpoint-every", "0.002", preexec_fn=limit)
        _, errors = process.communicate(timeout=60)
        self.assertIn("no checkpoint was written", errors)
        self.assertIn("checkpoint.next.tally", errors)
        if process.returncode == 0:  # the cube was small enough
            self.assertTrue(read(self.path("out", "cube.h5")) == self.expected)
        else:
            self.assertEqual(process.returncode, 74, errors)
            self.assertTrue(read(self.path("out", "checkpoint.tally")) == before)
            self.assertEqual([n for n in os.listdir(self.path("out")) if n.endswith(".part")], [])
            self.finish()

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a file system")
    def test_really_full_disk(self):
        code, errors = self.stopped()
        self.assertEqual(code, 75, errors)
        before = read(self.path("out", "checkpoint.tally"))
        os.mkdir(self.path("disk"))
        size = f"size={len(before) * 3 // 2 >> 10}k"  # for one checkpoint, not for two
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", self.path("disk")], stderr=subprocess.DEVNULL)
        if mounted.returncode != 0:
            self.skipTest("mounting is not allowed here")
        try:
            os.mkdir(self.path("disk", "out"))
            shutil.copy(self.path("out", "checkpoint.tally"), self.path("disk", "out"))
            process = self.start("--checkpoint-every", "0.002", output="disk/out")
            _, errors = process.communicate(timeout=60)
            self.assertIn("no checkpoint was written", errors)
            self.assertIn("No space left on device", errors)
            self.assertEqual(process.returncode, 0, errors)  # a cube is much smaller than a checkpoint
            self.assertTrue(read(self.path("disk", "out", "cube.h5")) == self.expected)
        finally:
            subprocess.run(["umount", self.path("disk")], check=True)

    def test_two_writers(self):
        process = self.start("--pause-at", "cube.h5")
        self.wait_for("cube.h5.part", process=process)
        for more in ([], ["--overwrite"], ["--resume", "never"]):
            result = tailcube("run", JOB, "-o", self.path("out"), *SIZE, *more)
            self.assertEqual(result.code, 74, result.err)
            self.assertIn(f"process {process.pid} on ", result.err)
        self.assertTrue(os.path.exists(self.path("out", "cube.h5.part")))
        self.kill_all(process)
        self.finish()  # the lock of the dead is no obstacle

    def test_a_finished_cube_needs_overwrite(self):
        self.cube(*SIZE)
        self.assertEqual(tailcube("run", JOB, "-o", self.path("out"), *SIZE).code, 74)
        os.mkdir(self.path("other"))
        with open(self.path("other", "letter.txt"), "w") as file:
            file.write("of somebody else")
        self.assertEqual(tailcube("run", JOB, "-o", self.path("other"), *SIZE).code, 74)

    def test_quarantine(self):
        """A finished round of quarantine is in the checkpoint; the scenarios of the next one as well."""
        os.mkdir(self.path("job"))
        for name, text in ({"job.toml": quarantine.JOB} | quarantine.FILES).items():
            with open(self.path("job", name), "w") as file:
                file.write(text)
        job = self.path("job", "job.toml")
        self.cube(*SIZE, job=job, output="expected")
        process = self.start(*OFTEN, job=job)
        self.wait_for("checkpoint.tally", process=process)
        process.send_signal(signal.SIGUSR1)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, errors)
        for more in (["--max-hours", "0.0003"], []):
            result = tailcube("run", job, "-o", self.path("out"), *SIZE, *more, *OFTEN, ranks=2 if HAS_MPI and more else 1)
            self.assertIn(result.code, (0, 75), result.err)
            if result.code == 0:
                break
        self.assertTrue(read(self.path("out", "cube.h5")) == read(self.path("expected", "cube.h5")), "another cube")
        record, expected = self.record(), self.record("expected")
        for name in ("quarantined", "quarantine_rounds", "loss_unit"):
            self.assertEqual(record[name], expected[name])

    def test_twenty_kills_of_one_job(self):
        random.seed(20)
        for _ in range(20):
            process = self.start(*OFTEN, "--threads", str(random.choice((1, 2))), ranks=random.choice((1, 2)) if HAS_MPI else 1)
            time.sleep(random.uniform(0.05, 0.6))
            self.kill_all(process)
            if os.path.exists(self.path("out", "cube.h5")):  # it was faster
                self.assertTrue(read(self.path("out", "cube.h5")) == self.expected, "another cube")
                shutil.rmtree(self.path("out"))
        self.finish("--threads", "2")


main()
