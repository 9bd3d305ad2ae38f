"""tailcube reverse: what goes with a large loss, alike in every format, from scenarios that are the run's."""
import csv
import hashlib
import io
import json

from common import Case, main, read, tailcube

try:
    import h5py
except ImportError:
    h5py = None


class Reverse(Case):
    def setUp(self):
        super().setUp()
        self.out = self.path("out")
        self.run_ok("run", self.job(), "-o", self.out, "-q", "--set", "cube.tail_scenarios=200")

    def reverse(self, *arguments, **expected):
        return self.ask("reverse", *arguments, **expected)

    def as_json(self, *arguments):
        return json.loads(self.reverse(*arguments, "--format", "json"))

    def test_formats_agree(self):
        found = self.as_json("--quantile", "97%")
        self.assertEqual((found["format"], found["node"], found["scenarios"], found["beyond"]), ("tailcube reverse 1", "total", 3000, 90))
        self.assertAlmostEqual(found["probability"]["value"], 0.03)
        self.assertLess(found["loss_above_lower"], found["loss_above"])
        self.assertLess(found["loss_above"], found["loss_above_upper"])
        self.assertEqual(len(found["tail"]["scenarios"]), 90)
        self.assertEqual(sorted(s for c in found["clusters"] for s in c["scenarios"]), sorted(found["tail"]["scenarios"]))
        self.assertEqual(self.as_json("--loss", repr(found["loss_above"]))["tail"], found["tail"])
        rows = list(csv.DictReader(io.StringIO(self.reverse("--quantile", "0.97", "--format", "csv"))))
        figures = {(r["part"], r["record"], r["item"], r["figure"]): r for r in rows}
        for factor in found["tail"]["factors"]:
            row = figures["tail", "factor", factor["id"], "move"]
            self.assertEqual((float(row["value"]), float(row["standard_error"])), (factor["move"], factor["move_se"]))
        text = self.reverse("--quantile", "0.97", says=["90 of 3,000 scenarios lose more", "the VaR at 97 %", "to the bit"])
        self.assertIn(f'most plausible single scenario: {found["tail"]["most_plausible"]}, at', text)
        for thread_count in (1, 3):
            self.assertEqual(self.as_json("--quantile", "0.97", "--threads", thread_count), found)

    def test_the_most_plausible_scenario_can_be_replayed(self):
        for cell in ("base", "slump", "eth=-50%"):
            found = self.as_json("--quantile", "0.98", "--cell", cell, "--node", "total/crypto", "--horizon", "3 months")
            for cluster in found["clusters"]:
                story = tailcube("replay", self.out, "--job", self.path("job"), "--cell", cell, "--scenario", cluster["most_plausible"],
                                 "--format", "json", cwd=self.folder)
                self.assertEqual(story.code, 0, story.err)
                crypto = next(n for n in json.loads(story.out)["nodes"] if n["path"] == "total/crypto")
                self.assertGreater(crypto["loss"][0], found["loss_above"])
        factors = {f["id"]: f for f in self.as_json("--quantile", "0.98", "--cell", "slump", "--horizon", "3 months")["tail"]["factors"]}
        self.assertTrue(any(f["distance"] is None for f in factors.values()), "no factor is fixed by the path")

    def test_what_cannot_be_said(self):
        self.reverse("--quantile", "0.995", code=64, says=["15 of 3,000 scenarios lose more than", "Ask for a loss below", "or run more scenarios"])
        self.reverse("--quantile", "0.9", code=64, says=["--quantile: which scenarios beyond it are not known", "the 200 worst of 3,000", "cube.tail_scenarios"])
        self.reverse("--loss", "1", code=64, says=["--loss: which scenarios lose more than 1 USD is not known"])
        self.reverse("--loss", "1B", code=64, says=["0 of 3,000 scenarios lose more than 1,000,000,000 USD"])
        for wrong in ([], ["--loss", "1M", "--quantile", "0.9"], ["--loss", "much"], ["--quantile", "1"], ["--quantile", "0.97", "--clusters", 0],
                      ["--quantile", "0.97", "--node", "total/cripto"]):
            self.reverse(*wrong, code=64)
        self.assertEqual(tailcube("reverse", self.path("nowhere.h5"), "--loss", "1M").code, 66)
        with open(self.path("job", "loans.csv"), "a") as file:
            file.write("\n")
        self.reverse("--quantile", "0.97", code=65, says=["loans.csv: is not the file of the run"])

    def test_a_cube_that_is_not_the_run_s(self):
        if h5py is None:
            self.skipTest("python3-h5py is not installed")
        cube = self.path("out", "cube.h5")
        with h5py.File(cube, "r+") as file:
            loss = file["tail/loss"][...]
            loss[0, 1, -1, 199] += 1  # of another node, at the end of its list
            loss[0, 0, -1, 3] += 1
            file["tail/loss"][...] = loss
        contents = read(cube)
        with open(cube, "ab") as file:
            file.write(hashlib.sha256(contents).digest() + len(contents).to_bytes(8, "little") + b"TCseal1\n")
        self.reverse("--quantile", "0.97", code=70, says=["is not the run's: total loses", "The cube was written by tailcube"])


main()
