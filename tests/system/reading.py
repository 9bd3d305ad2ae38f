"""What a finished cube is read with: tailcube show, export and compare, on cubes of the tiny job.

Python's own csv and json read what is exported; h5py, where it is there, says what the cube holds.
"""
import csv
import io
import json
import math
import os
import pty
import re
import subprocess
import sys
import unittest

from common import MPI_ENVIRONMENT, PROGRAM, ROOT, Case, main, read, tailcube

try:
    import h5py
except ImportError:
    h5py = None


def on_terminal(*arguments, columns=80, **environment):
    """What the program prints on a terminal of so many columns."""
    parent, child = pty.openpty()
    subprocess.run([sys.executable, "-c", f"import fcntl, struct, termios; fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, {columns}, 0, 0))"],
                   stdin=child, check=True)
    with subprocess.Popen([PROGRAM, *arguments], stdout=child, stderr=subprocess.STDOUT,
                          env={name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")} | MPI_ENVIRONMENT | environment) as process:
        os.close(child)
        text = b""
        try:
            while part := os.read(parent, 65536):
                text += part
        except OSError:  # the other end is closed
            pass
        process.wait(timeout=60)
    os.close(parent)
    return text.decode().replace("\r\n", "\n")


class Reading(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = Case("run_ok")
        cls.made.setUp()
        cls.made.cube(output="a")
        cls.a = cls.made.path("a")

    @classmethod
    def tearDownClass(cls):
        cls.made.doCleanups()
        super().tearDownClass()

    def rows(self, *arguments):
        return list(csv.DictReader(io.StringIO(self.run_ok("export", self.a, "--format", "csv", *arguments).out)))


class Show(Reading):
    def test_tables_and_plots(self):
        text = self.run_ok("show", self.a).out
        for part in ("By node: economic loss, cell base, after 1 year", "By horizon: ES 99 %", "By cell: ES 99 %", "ES 99 % by node",
                     "Distribution of the loss of total", "▒", "◂ VaR 99 %"):
            self.assertIn(part, text)
        self.assertNotIn("\033", text)

    def test_filters(self):
        text = self.run_ok("show", self.a, "--cell", "slump", "--node", "total", "--horizon", "3M", "--confidence", "99", "--what", "var").out
        self.assertIn("cell slump, after 3 months", text)
        self.assertNotIn("ES", text)
        self.assertNotIn("1 year", text)
        result = tailcube("show", self.a, "--node", "totl")
        self.assertEqual(result.code, 64)
        self.assertIn("--node 'totl' finds none of 'total'", result.err)
        self.assertEqual(tailcube("show", self.path("nowhere.h5")).code, 66)

    def test_the_other_parts(self):
        text = self.run_ok("show", self.a, "--what", "std,worst,probability,gauges,tail").out
        for part in ("Gauges: mean over scenarios", "defaults", "Worst scenarios of total", "probability of a loss", "have no error bar"):
            self.assertIn(part, text)

    def test_contributions(self):
        text = self.run_ok("show", self.a, "--contributions").out
        for part in ("Contributions to the ES of total: economic loss, cell base, after 1 year", "Contributions to ES 99 % of total", "share", "100 %"):
            self.assertIn(part, text)
        self.assertNotIn("By node", text)
        text = self.run_ok("show", self.a, "--contributions", "--node", "crypto", "--cell", "slump", "--what", "es", "--horizon", "3M").out
        self.assertIn("Contributions to the ES of total/crypto: economic loss, cell slump, after 3 months", text)
        self.assertIn("By node", text)
        result = tailcube("show", self.a, "--contributions", "--node", "total/crypto/*")
        self.assertEqual(result.code, 64)
        self.assertIn("--node: the cube has contributions to 'total', ", result.err)

    def test_contributions_by_column(self):
        self.cube("--set", 'cube.contribute_by=["obligor"]', "--set", "run.scenarios=640", output="by")
        text = self.run_ok("show", self.path("by"), "--contributions", "--confidence", "90").out
        self.assertIn("Contributions by obligor to the ES of total: economic loss, cell base, after 1 year", text)
        self.assertIn("smaller ones; tailcube export --what contributions has them", text)
        out = self.run_ok("export", self.path("by"), "--format", "csv", "--what", "contributions", "--node", "total/credit", "--confidence", "90").out
        rows = [row for row in csv.DictReader(io.StringIO(out)) if row["name"] == "contribution_by/expected_shortfall"]
        self.assertEqual({(row["part_parent"], row["part_column"]) for row in rows}, {("total/credit", "obligor")})
        self.assertTrue(all(row["part"] == f'obligor={row["part_value"]} in total/credit' for row in rows))
        self.assertGreater(len({row["part_value"] for row in rows}), 10)

    def test_a_terminal(self):
        for columns in (60, 100):
            text = on_terminal("show", self.a, columns=columns)
            self.assertIn("\033[1m", text)
            for line in re.sub("\033\\[[0-9]*m", "", text).splitlines():
                self.assertLessEqual(len(line), columns, line)
        self.assertNotIn("\033", on_terminal("show", self.a, NO_COLOR="1"))
        self.assertNotIn("\033", on_terminal("show", self.a, TERM="dumb"))


class Export(Reading):
    def test_csv_is_the_cube_to_the_last_bit(self):
        rows = self.rows("--what", "es,gauges,base_value")
        self.assertTrue(all(list(row) == ["name", "quantity", "cell", "node", "horizon", "confidence", "gauge", "value", "standard_error", "lower",
                                          "upper", "unit", "flag"] for row in rows))
        if h5py is None:
            self.skipTest("h5py is not there")
        number = lambda text: math.nan if text == "" else float(text)
        with h5py.File(os.path.join(self.a, "cube.h5")) as file:
            cube = file["cube"]
            axes = {axis: list(cube[axis].asstr() if axis in ("quantity", "cell", "node", "gauge") else cube[axis]) for axis in
                    ("quantity", "cell", "node", "horizon", "confidence", "gauge")}
            at = lambda row, *names: tuple(axes[a].index(row[a] if a in ("quantity", "cell", "node", "gauge") else float(row[a])) for a in names)
            values = {name: cube[name][()] for name in cube}
        bits = {"var_is_bracket": 1, "es_interval_missing": 4, "few_tail_scenarios": 8, "es_tail_is_tied": 16}
        self.assertEqual(len(rows), values["expected_shortfall"].size + values["gauge_mean"].size + values["base_value"].size)
        for row in rows:
            if row["name"] == "expected_shortfall":
                place = at(row, "quantity", "cell", "node", "horizon", "confidence")
                for column, dataset in (("value", ""), ("standard_error", "_se"), ("lower", "_lower"), ("upper", "_upper")):
                    self.assertEqual(repr(number(row[column])), repr(float(values["expected_shortfall" + dataset][place])), row)
                self.assertEqual(sum(bits[name] for name in row["flag"].split()), values["estimate_flag"][place] & 29)
                self.assertEqual(row["unit"], "USD")
            elif row["name"] == "gauge_mean":
                place = at(row, "gauge", "cell", "node", "horizon")
                self.assertEqual(number(row["value"]), values["gauge_mean"][place])
                self.assertEqual(number(row["standard_error"]), values["gauge_se"][place])
            else:
                self.assertEqual(number(row["value"]), values["base_value"][axes["node"].index(row["node"])])

    def test_json_says_the_same(self):
        text = self.run_ok("export", self.a, "--format", "json", "--what", "var,tail,distribution", "--cell", "slump", "--node", "total").out
        subprocess.run([sys.executable, "-m", "json.tool"], input=text, text=True, check=True, stdout=subprocess.DEVNULL)
        document = json.loads(text, parse_constant=lambda name: self.fail(f"{name} is no JSON"))
        self.assertEqual(document["cube"]["scenarios"], 3000)
        rows = self.rows("--what", "var,tail,distribution", "--cell", "slump", "--node", "total")
        self.assertEqual(len(document["rows"]), len(rows))
        names = set()
        for a, b in zip(document["rows"], rows):
            self.assertEqual(list(a), list(b))
            names.add(a["name"])
            for key in a:
                text = "" if a[key] is None else " ".join(a[key]) if isinstance(a[key], list) else a[key]
                self.assertEqual(text, type(text)(b[key]), (key, a, b))
        self.assertEqual(names, {"value_at_risk", "tail/scenario", "tail/loss", "tail/weight", "tail/valid", "distribution/count", "distribution/weight"})

    def test_contributions(self):
        rows = self.rows("--what", "contributions,es", "--node", "total", "--quantity", "economic")
        edges = [row for row in rows if row["name"] == "contribution/expected_shortfall"]
        whole = {(r["cell"], r["horizon"], r["confidence"]): float(r["value"]) for r in rows if r["name"] == "expected_shortfall"}
        sums = dict.fromkeys(whole, 0.0)
        for row in edges:
            self.assertEqual((row["edge"], row["edge_parent"], row["unit"]), (f'{row["edge_child"]} in total', "total", "USD"))
            self.assertGreater(float(row["standard_error"] or 1), 0)
            if row["edge_child"].count("/") == 1:
                sums[row["cell"], row["horizon"], row["confidence"]] += float(row["value"])
        for place, value in whole.items():
            self.assertAlmostEqual(sums[place], value, delta=1e-9 * abs(value))
        self.assertGreater(len({row["edge_child"] for row in edges}), len({row["edge_child"] for row in edges if row["edge_child"].count("/") == 1}))
        everywhere = {row["edge_parent"] for row in self.rows("--what", "contribution") if row["name"] == "contribution/expected_shortfall"}
        self.assertIn("total/crypto", everywhere)

    def test_everything_and_a_file(self):
        out = self.run_ok("export", self.a, "--format", "csv", "--what", "all").out
        self.run_ok("export", self.a, "--format", "csv", "--what", "all", "-o", self.path("all.csv"))
        self.assertEqual(read(self.path("all.csv")).decode(), out)
        self.assertEqual(os.listdir(self.folder), ["all.csv"])
        names = {row["name"] for row in csv.DictReader(io.StringIO(out))}
        self.assertLessEqual({"cell_distance", "fault_share", "worst_loss", "tail/valid", "gauge_mean"}, names)
        self.assertEqual(tailcube("export", self.a, "--format", "csv", "-o", self.path("no", "all.csv")).code, 74)
        self.assertEqual(tailcube("export", self.a, "--format", "csv", "--what", "nothing", "-o", self.path("x.csv")).code, 64)
        self.assertEqual(tailcube("export", self.a, "--format", "xml").code, 64)
        self.assertEqual(os.listdir(self.folder), ["all.csv"])


class Compare(Case):
    def compare(self, a, b, *arguments, code=0):
        result = tailcube("compare", self.path(a), self.path(b), *arguments)
        self.assertEqual(result.code, code, result.out + result.err)
        return result.out

    def test_a_changed_book(self):
        before, after = self.job("before"), self.job("after")
        table = self.path("after", "holdings.csv")
        lines = read(table).decode().splitlines()
        changed, removed = lines[1].split(",")[0], lines[2].split(",")[0]
        cells = lines[1].split(",")
        place = lines[0].split(",").index("quantity")
        cells[place] = str(float(cells[place]) * 1.5)
        with open(table, "w") as file:
            file.write("\n".join([lines[0], ",".join(cells), *lines[3:], lines[2].replace(removed, "newcomer")]) + "\n")
        more = ("--set", "cube.tail_scenarios=60")
        self.cube(*more, output="a", job=before)
        self.cube(*more, output="b", job=after)
        self.assertIn("nothing: job and inputs are the same", self.compare("a", "a"))
        text = self.compare("a", "b", "--inputs", self.path("before"), "--inputs", self.path("after"), code=1)
        for part in ("1 added: newcomer", f"1 removed: {removed}", f"1 changed in quantity: {changed}", "total: value today", "+1 -1 ~1",
                     "Every node that differs holds a position", "paired errors for", "exact"):
            self.assertIn(part, text)
        self.assertIn("1 added: newcomer", self.compare("a", "b", code=1))  # by run.json
        for cube in ("a", "b"):
            os.remove(self.path(cube, "run.json"))
        self.assertIn("neither version is not there any more", self.compare("a", "b", code=1))
        self.compare("a", "b", "--tolerance-relative", "1e9", "--tolerance-absolute", "1e15", code=0)
        text = self.compare("a", "b", "--format", "json", "--inputs", self.path("before"), "--inputs", self.path("after"), code=1)
        found = json.loads(text, parse_constant=lambda name: self.fail(f"{name} is no JSON"))
        self.assertEqual(found["compared"], found["equal"] + found["within"] + found["beyond"])
        self.assertEqual(len(found["differences"]), found["beyond"])
        self.assertGreater(found["paired"], 0)
        self.assertEqual([row["change"] for row in found["inputs"][0]["rows"]].count("added"), 1)

    def test_noise_is_not_a_change(self):
        self.cube(output="a")
        self.cube("--set", "run.seed=8", "--set", "time.report=[4]", output="b")
        text = self.compare("a", "b")
        self.assertIn("run.seed: 7", text)
        self.assertIn("horizon only in a: 3 months", text)
        self.assertIn("seed, sampler or number of scenarios differ", text)
        self.assertIn("run.seed", self.compare("a", "b", "--sigma", "0", code=1))
        text = self.compare("a", "b", "--sigma", "0", "--what", "contributions", code=1)
        self.assertRegex(text, r"total/\w+ in total \| .* \| 1 year \| economic contribution to ES 99 %")
        self.assertNotIn("value today", text)
        found = json.loads(self.compare("a", "b", "--sigma", "0", "--what", "contributions", "--format", "json", code=1))
        self.assertEqual({d["name"] for d in found["differences"]}, {"contribution/expected_shortfall"})
        self.assertIn("total", {d["edge_parent"] for d in found["differences"]})

    def test_what_cannot_be_compared(self):
        self.cube(output="a")
        with open(self.path("no.h5"), "wb") as file:
            file.write(b"no cube")
        self.compare("a", "nowhere.h5", code=66)
        self.compare("a", "no.h5", code=65)
        self.compare("a", "a", "--node", "nowhere", code=64)
        self.compare("a", "a", "--tolerance-relative", "-1", code=64)


class Post(Case):
    """The scripts of jobs/post, each with a cube of two stress axes."""

    def test_each_script_draws(self):
        if subprocess.run([sys.executable, "-c", "import xarray, h5netcdf, matplotlib"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("needs python3-xarray, python3-h5netcdf and python3-matplotlib")
        axis = '[[stress_axis]]\nname = "eur"\nlevels = [ { name = "0" }, { name = "low", shocks = [ { factor = "EURUSD", multiply = 0.8 } ] } ]\n'
        job = self.job(edit=[("[[stress_axis]]", axis + "[[stress_axis]]")])
        self.cube("--set", "run.scenarios=640", job=job)
        self.cube("--set", "run.scenarios=1280", job=job, output="more")
        cube, scripts = self.path("out", "cube.h5"), os.path.join(ROOT, "jobs", "post")
        calls = {"loss_distribution.py": [cube, "F"], "horizons.py": [cube, "F"], "stress_grid.py": [cube, "F", "total"],
                 "error_bars.py": ["F", cube, self.path("more", "cube.h5")]}
        self.assertEqual(sorted(calls), sorted(name for name in os.listdir(scripts) if name.endswith(".py")))
        for name, words in calls.items():
            figure = self.path(name + ".png")
            words = [figure if word == "F" else word for word in words]
            done = subprocess.run([sys.executable, "-W", "error::RuntimeWarning", os.path.join(scripts, name), *words], stderr=subprocess.PIPE, text=True,
                                  timeout=120, env=os.environ | {"MPLCONFIGDIR": self.folder, "HDF5_USE_FILE_LOCKING": "FALSE"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(read(figure)[:8], b"\x89PNG\r\n\x1a\n")
            self.assertGreater(os.path.getsize(figure), 10_000, name)


if __name__ == "__main__":
    main()
