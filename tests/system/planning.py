"""What `plan` says beforehand, against the run itself. Sizes are compared; times are printed, never asserted."""
import json
import os
import shutil
import signal
import subprocess
import time

from common import HAS_MPI, MPI_ENVIRONMENT, TINY, Case, command, main, read, tailcube

JOB = os.path.join(TINY, "job.toml")


class Planning(Case):
    def plan(self, *arguments, **more):
        result = self.run_ok("plan", JOB, "--json", "-q", *arguments, **more)
        plan = json.loads(result.out)
        for name, quantity in plan["quantities"].items():
            self.assertEqual(sorted(quantity), ["basis", "high", "low", "unit", "value"], name)
            self.assertLessEqual(quantity["low"], quantity["value"], name)
            self.assertTrue(quantity["high"] is None or quantity["value"] <= quantity["high"], name)
            self.assertIn(quantity["unit"], ("1", "byte", "second", "microsecond", "kWh"), name)
        return plan["quantities"]

    def test_all_scenarios_timed(self):
        """A calibration that reaches every scenario has seen the whole run: its cube is the run's."""
        plan = self.plan("--calibrate", "1000", "--threads", "1")
        self.cube("--threads", "1")
        record = self.record()
        self.assertEqual(plan["calibration_scenarios"]["value"], 3000)
        self.assertEqual(plan["cube_size"]["value"], record["cube_bytes"])
        self.assertGreaterEqual(plan["memory_per_rank"]["value"], record["peak_memory_bytes_per_rank"][0])
        self.assertAlmostEqual(plan["es_relative_error"]["value"], record["energy"]["es_relative_error"], places=9)
        for planned, measured in (("evaluate_cpu_time", record["stages"]["evaluate"]["cpu_seconds"]), ("cpu_time", record["cpu_seconds"])):
            print(f"{planned}: planned {plan[planned]['value']:.3f} s, run {measured:.3f} s")
            self.assertGreater(plan[planned]["value"], 0)

    def test_checkpoint(self):
        """A job that quarantines ends evaluation with a checkpoint: its size is that of all tallies."""
        for scenarios, seconds in ((3000, 1000), (20000, 2)):
            plan = self.plan("--calibrate", seconds, "--threads", "1", "--scenarios", scenarios)["tally_size"]
            self.cube("--threads", "1", "--set", f"run.scenarios={scenarios}", "--set", "run.faults=quarantine", output=str(scenarios))
            size = self.record(str(scenarios))["checkpoints"]["bytes"]
            print(f"tally_size: planned {plan['value']:.0f} ({plan['low']:.0f} to {plan['high']:.0f}), written {size}")
            self.assertTrue(0.9 * plan["low"] < size < 1.1 * plan["high"])

    def test_few_scenarios_timed(self):
        more = ("--scenarios", "50000")
        plan = self.plan("--calibrate", "1e-9", *more)
        self.cube("--set", "run.scenarios=50000")
        size = self.record()["cube_bytes"]
        self.assertLess(plan["calibration_scenarios"]["value"], 300)
        print(f"cube_size: planned {plan['cube_size']['value']:.0f}, written {size}")
        self.assertLess(plan["cube_size"]["low"], size)
        self.assertGreater(plan["cube_size"]["high"], size)
        self.assertLess(plan["tally_size"]["value"], plan["tally_size_bound"]["value"])

    def test_is_the_plan_of_the_run(self):
        """The same layout, the same bytes, whoever asks: run --dry-run, plan --ranks, plan under mpirun."""
        alone = self.plan("--calibrate", "0", "--ranks", "2", "--threads", "1", "--memory", "1G")
        self.assertNotIn("wall_time", alone)
        if HAS_MPI:
            self.cube("--threads", "1", "--memory", "1G", ranks=2)
            self.assertEqual(self.record()["planned_memory_bytes"], alone["memory_per_rank"]["value"])
            started = self.plan("--calibrate", "0", "--threads", "1", "--memory", "1G", ranks=2)
            for plan in (started, alone):
                self.assertLess(plan.pop("memory_to_start")["value"], 1e8)  # measured each time
            self.assertEqual(started, alone)
        per_node = min(2, os.cpu_count())
        self.assertEqual(alone["memory_per_node"]["value"], per_node * alone["memory_per_rank"]["value"])
        nodes = self.plan("--calibrate", "0", "--ranks", "12", "--ranks-per-node", "5", "--threads", "3")
        self.assertEqual((nodes["nodes_of_machine"]["value"], nodes["threads_per_rank"]["value"]), (3, 3))

    def test_for_people(self):
        # Each times its own tiles; with very few of them there is no error of ES to tell.
        text = self.run_ok("plan", JOB, "--calibrate", "0.3", "--ranks", "4").out
        for name in self.plan("--calibrate", "0.3", "--ranks", "4"):
            self.assertEqual(text.count("\n  " + name + " "), 1, name)
        self.assertIn("another machine has another speed", text)

    def test_refusals(self):
        for ranks in (1, 2) if HAS_MPI else (1,):
            result = tailcube("plan", JOB, "--memory", "55M", ranks=ranks)
            self.assertEqual((result.code, result.out), (65, ""))
            self.assertRegex(result.err, r"(?m)^(error: )?one stress cell needs [67]\d\.\d MB a rank, --memory allows 55.0 MB: give more memory")
            self.assertEqual(result.err.count("--memory allows"), 1)
        self.assertEqual(tailcube("plan", "nowhere.toml").code, 66)
        for wrong in (["--ranks", "0"], ["--calibrate", "-1"], ["--scenarios", "many"], ["--threads", "0"]):
            self.assertEqual(tailcube("plan", JOB, *wrong).code, 64, wrong)

    def test_a_book_that_takes_more_to_read_than_to_evaluate(self):
        job = self.job()
        mortgages = os.path.join(os.path.dirname(job), "mortgages.csv")
        _, first, *_ = read(mortgages).decode().splitlines()
        with open(mortgages, "a") as file:  # all their payments are listed before they are added up
            file.writelines(f"again{i},{first.split(',', 1)[1]}\n" for i in range(40000))
        arguments = ["plan", job, "--calibrate", "0", "--threads", "1", "--ranks", "1", "-q", "--set", "run.scenarios=200"]
        memory = {name: q["value"] for name, q in json.loads(self.run_ok(*arguments, "--json").out)["quantities"].items() if q["unit"] == "byte"}
        self.assertGreater(memory["memory_to_start"], memory["memory_per_rank"])
        between = int((memory["memory_to_start"] + memory["memory_per_rank"]) / 2)
        result = tailcube(*arguments, "--memory", between)
        self.assertEqual(result.code, 65, result.out)
        self.assertIn("reading and compiling the job took", result.err)

    def test_a_position_without_a_value(self):
        void = '[[stress]]\nname = "void"\nshocks = [ { factor = "ETH", add = -3000.0, from = 1 } ]\n'
        job = self.job(edit=[('[[stress]]\nname = "base"', void + '[[stress]]\nname = "base"')])
        result = tailcube("plan", job, "--calibrate", "0.01")
        self.assertEqual(result.code, 65, result.err)
        self.assertIn('of cell "void"', result.err)
        out = self.run_ok("plan", job, "--calibrate", "0.01", "--set", "run.faults=quarantine").out
        self.assertIn("cannot be valued and were left out", out)

    def test_printed_scripts(self):
        for arguments in (["--ranks", "6", "--ranks-per-node", "2", "--threads", "3", "--calibrate", "0.01"],
                          ["--shards", "4", "-o", "a folder", "--calibrate", "0.01"], ["--calibrate", "0"]):
            script = self.path("job.sbatch")
            with open(script, "w") as file:
                file.write(self.run_ok("submit", JOB, "--slurm", "--print", "--set", "run.name=it's", "-q", *arguments).out)
            subprocess.run(["bash", "-n", script], check=True)
            if shutil.which("shellcheck"):
                subprocess.run(["shellcheck", script], check=True)
        result = tailcube("submit", JOB)
        self.assertEqual((result.code, result.out), (64, ""))
        self.assertEqual(tailcube("submit", JOB, "--slurm", "--print", "--memory", "55M").code, 65)

    def test_stopped(self):
        process = subprocess.Popen(command("plan", JOB, "--set", "run.scenarios=4000000", "--set", "cube.tail=binned", "--calibrate", "900"),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | MPI_ENVIRONMENT)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (130, ""))


main()
