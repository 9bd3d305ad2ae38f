"""tailcube replay: a scenario of a cube told again, alike in every format, and refused where it cannot be the same."""
import csv
import hashlib
import io
import json
import os
import shutil

from common import Case, main, read, seal, tailcube

try:
    import h5py
except ImportError:
    h5py = None


class Replay(Case):
    def setUp(self):
        super().setUp()
        self.input = self.job()
        self.out = self.path("out")
        self.run_ok("run", self.input, "-o", self.out, "-q", "--set", "run.scenarios=1000")

    def replay(self, *arguments, **expected):
        return self.ask("replay", *arguments, **expected)

    def worst(self, *arguments):
        return json.loads(self.replay("--worst", 5, "--format", "json", *arguments))

    def test_formats_agree(self):
        scenario = self.worst()["scenarios"][0]
        text = self.replay("--scenario", scenario, says=["equals the cube's figure, to the bit", "rank 1 of the worst 20"])
        story = json.loads(self.replay("--scenario", scenario, "--format", "json", "--most", 0))
        rows = list(csv.DictReader(io.StringIO(self.replay("--scenario", scenario, "--format", "csv", "--most", 0))))
        self.assertEqual((story["format"], story["scenario"], story["equals_cube"]), ("tailcube story 1", scenario, True))
        total = story["nodes"][0]
        self.assertEqual((total["path"], total["rank"][-1]), ("total", 1))
        self.assertIn(f'Loss of total after 1 year: {total["loss"][-1]:,.2f} USD', text)
        figures = {(r["record"], r["item"], int(r["step"]), r["figure"]): float(r["value"]) for r in rows}
        for node in story["nodes"]:
            self.assertEqual(figures["node", node["path"], 4, "loss"], node["loss"][-1])
            self.assertEqual([figures["node", node["path"], step, "cash"] for step in (1, 2, 3, 4)], node["cash"])
            for gauge in node["gauges"]:
                self.assertEqual(figures["node", node["path"], 4, gauge["id"]], gauge["value"][-1])
        gauges = {g["id"]: g["value"][-1] for g in total["gauges"]}
        exposed = [d["exposure"] for d in story["defaults"]]
        self.assertAlmostEqual(gauges.get("defaulted_exposure", 0), sum(exposed), delta=(len(exposed) + 1) * story["loss_unit"])
        for factor in story["factors"]:
            self.assertEqual([figures["factor", factor["id"], step, "value"] for step in range(5)], factor["value"])
        for default in story["defaults"]:
            self.assertEqual(figures["default", default["obligor"], default["step"], "loss"], default["loss"])
        self.assertEqual(len(story["positions"]), story["position_count"])
        for position in story["positions"]:
            self.assertEqual(figures["position", position["id"], 4, "loss"], position["loss"][-1])
        losses = [position["loss"][-1] for position in story["positions"]]
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertAlmostEqual(sum(losses), total["loss"][-1], delta=len(losses) * story["loss_unit"])
        self.assertLessEqual(story["largest_difference_units"], 1)
        for section in ("Factors", "Defaults", "Liquidations", "Counts and amounts", "Cash received", "Loss by node", "Loss by position"):
            self.assertRegex(text, f"(?m)^{section}")

    def test_every_scenario_of_the_list_in_every_cell(self):
        for cell in ("base", "slump", "drivers down", "eth=-50%"):
            for node in ("total", "total/crypto"):
                found = self.worst("--cell", cell, "--node", node)
                self.assertEqual((found["cell"], found["node"], len(found["scenarios"])), (cell, node, 5))
                self.assertAlmostEqual(sum(p["mean_loss"] for p in found["nodes"] if p["id"].count("/") == node.count("/") + 1),
                                       found["mean_loss"], places=6)

    def test_worst(self):
        found = self.worst("--horizon", "1", "--most", 0)
        losses = [json.loads(self.replay("--scenario", s, "--format", "json"))["nodes"][0]["loss"][-1] for s in found["scenarios"]]
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertAlmostEqual(sum(losses) / 5, found["mean_loss"], places=6)
        spread = (sum((x - sum(losses) / 5) ** 2 for x in losses) / 20) ** 0.5
        self.assertAlmostEqual(found["mean_loss_se"], spread, delta=1e-6 * spread)
        self.assertEqual(found["sampled"], 1000)
        distances = [abs(f["distance"] or 0) for f in found["factors"]]
        self.assertEqual(distances, sorted(distances, reverse=True))
        self.assertTrue(all(0 <= o["scenarios"] <= 5 for o in found["obligors"]))
        text = self.replay("--worst", 5, says=["The worst 5 scenarios of total after 1 year", "all equal the cube's figures"])
        self.assertIn("".join(f" {s}" for s in found["scenarios"]), text)
        self.assertTrue(self.replay("--worst", 5, "--format", "csv").startswith("record,item,figure,value,standard_error,unit\n"))
        pinned = {f["id"]: f["distance"] for f in self.worst("--cell", "slump", "--horizon", "3 months")["factors"]}
        self.assertIn(None, pinned.values())

    def test_the_command_line(self):
        self.replay("--scenario", 1000, code=64, says=["--scenario: the cube has scenarios 0 to 999, not 1000"])
        self.replay("--scenario", 3, "--cell", "slum", code=64, says=['--cell: the cube has no "slum"; did you mean "slump"?'])
        self.replay("--worst", 3, "--node", "total/cripto", code=64, says=['--node: the cube has no "total/cripto"; did you mean "total/crypto"?'])
        self.replay("--worst", 3, "--horizon", "2", code=64, says=["--horizon", "3 months, 1 year"])
        self.replay("--worst", 21, code=64, says=["the cube lists 20 scenarios"])
        for wrong in ([], ["--scenario", 3, "--worst", 3], ["--scenario", "three"], ["--scenario", -1], ["--worst", 0], ["--scenario", 3, "--format", "xml"]):
            self.replay(*wrong, code=64)
        self.assertEqual(tailcube("replay", self.path("nowhere.h5"), "--scenario", 3).code, 66)

    def test_input_that_is_not_the_run_s(self):
        def spoil(name):
            with open(self.path("job", name), "a") as file:
                file.write("\n")
        spoil("loans.csv")
        spoil("vaults.csv")
        self.replay("--scenario", 3, code=65, says=["loans.csv: is not the file of the run", "vaults.csv: is not the file of the run", "--job FOLDER"])
        os.remove(self.path("job", "bonds.csv"))
        self.replay("--scenario", 3, code=66, says=["bonds.csv: cannot be read", "loans.csv: is not the file of the run"])

    def test_the_folder_of_the_job(self):
        story = self.run_ok("replay", self.out, "--scenario", 3, cwd="/").out  # run.json says where the job lay
        moved = self.path("elsewhere")
        shutil.move(self.path("job"), moved)
        os.remove(os.path.join(moved, "job.toml"))  # the cube has it, with the settings of the command line
        self.replay("--scenario", 3, code=66, says=["cannot be read", "--job FOLDER"])
        self.assertEqual(self.replay("--scenario", 3, "--job", moved), story)
        alone = tailcube("replay", self.out, "--scenario", 3, cwd=self.folder)
        self.assertEqual((alone.code, alone.out), (66, ""))
        self.assertIn("cube.h5: the files of its job are in none of these folders; give theirs with --job FOLDER", alone.err)
        here = os.path.realpath(self.folder)
        for place in (f"{here}, the current folder", f"{self.out}, that of the cube", f'{self.path("job")}, where the job lay, by run.json'):
            self.assertIn(f"{place}: has none of the ", alone.err)
        self.assertNotIn("the one around it", alone.err, "it is the current one")
        for folder in (self.folder, self.out):
            shutil.copytree(moved, folder, dirs_exist_ok=True)
            self.assertEqual(self.run_ok("replay", self.out, "--scenario", 3, cwd="/").out, story)
            for name in os.listdir(moved):
                os.remove(os.path.join(folder, name))

    def test_files_of_the_same_name(self):
        """Where another job's tables lie nearer, they are passed over; if nothing fits, each place says why."""
        story = self.replay("--scenario", 3)
        shutil.copytree(self.path("job"), self.folder, dirs_exist_ok=True)
        with open(self.path("loans.csv"), "a") as file:
            file.write("\n")
        self.assertEqual(self.run_ok("replay", self.out, "--scenario", 3, cwd=self.folder).out, story)
        os.remove(self.path("job", "bonds.csv"))
        result = tailcube("replay", self.out, "--scenario", 3, cwd="/")
        self.assertEqual((result.code, result.out), (65, ""), result.err)
        self.assertIn(f"{self.folder}, the one around it: loans.csv is not the file of the run: its SHA-256 is ", result.err)
        self.assertIn(f'{self.path("job")}, where the job lay, by run.json: bonds.csv cannot be read', result.err)

    def test_cubes_that_are_not_the_run_s(self):
        if h5py is None:
            self.skipTest("python3-h5py is not installed")
        cube, before = self.path("out", "cube.h5"), read(self.path("out", "cube.h5"))
        scenario = self.worst()["scenarios"][0]

        def change(action):
            with open(cube, "wb") as file:
                file.write(before)
            with h5py.File(cube, "r+") as file:
                action(file)
            seal(cube)

        def lose_more(file):
            loss = file["tail/loss"][...]
            loss[0, 0, -1, 0] += 1
            file["tail/loss"][...] = loss
        change(lose_more)
        self.replay("--scenario", scenario, code=70, says=["is not the run's: total loses ", "the cube has", "1 place", "The cube was written by tailcube"])
        with h5py.File(cube) as file:
            used = list(file["provenance/defaults_used"].asstr())
        place = next(i for i, text in enumerate(used) if text.startswith("market.repair_correlation = "))

        def other_default(text):
            def action(file):
                file["provenance/defaults_used"][place] = text
            return action
        change(other_default("a.setting.that.is.gone = 3"))  # as of a program that had other settings
        self.replay("--scenario", scenario, says=["equals the cube's figure, to the bit"])
        change(other_default("market.repair_correlation = true"))
        self.replay("--scenario", scenario, code=65,
                    says=["was made with other defaults: market.repair_correlation = true (now false); replay it with tailcube"])
        change(lambda file: file["provenance"].pop("job"))
        self.replay("--scenario", scenario, code=65, says=["cube.h5: holds no job"])
        change(lambda file: file.pop("provenance"))
        self.replay("--scenario", scenario, code=65, says=["cube.h5: holds no job"])

    def test_positions_in_quarantine(self):
        with open(self.input) as file:
            text = file.read()
        with open(self.input, "w") as file:
            file.write(text.replace("scenarios = 3_000", 'scenarios = 500\nfaults = "quarantine"'))
        with open(self.path("job", "bonds.csv")) as file:
            lines = file.read().splitlines()
        head = lines[0].split(",")
        row = dict(zip(head, lines[1].split(",")))
        row.update(id="hopeless", spread="", coupon="-1")  # no spread makes it worth par
        with open(self.path("job", "bonds.csv"), "w") as file:
            file.write("\n".join([*lines, ",".join(row[name] for name in head)]) + "\n")
        self.out = self.path("left")
        self.run_ok("run", self.input, "-o", self.out, "-q")
        self.assertEqual(self.record("left")["quarantined"][0]["id"], "hopeless")
        story = json.loads(self.replay("--scenario", self.worst()["scenarios"][0], "--format", "json", "--most", 0))
        self.assertTrue(story["equals_cube"])
        self.assertNotIn("hopeless", [p["id"] for p in story["positions"]])


main()
