"""`tailcube report`: the page in a real browser. Its numbers are the cube's, it asks for nothing, and names cannot harm it.

Needs h5py and Chromium; ends with 77 (skipped) without them.
"""
import hashlib
import os
import re
import shutil
import sys
import tempfile
import unittest

from common import TINY, Case, main, read, tailcube
from browser import PROGRAM as CHROMIUM
from browser import Browser

try:
    import h5py
except ImportError:
    print("skipped: h5py is not there (Debian and Ubuntu: apt-get install python3-h5py)")
    sys.exit(77)
if CHROMIUM is None:
    print("skipped: chromium is not there (Debian and Ubuntu: apt-get install chromium)")
    sys.exit(77)

HOSTILE = "</script><img onerror>&amp;<!--\\\"'"
TABLES = """Object.fromEntries([...document.querySelectorAll("table[id]")].map((t) => [t.id,
    [...t.tBodies[0].rows].map((r) => [...r.cells].map((c) => c.textContent.trim()))]))"""


def shown(value, divisor):
    """As tailcube writes money without decimals."""
    text = f"{value / divisor:,.0f}"
    return "0" if text == "-0" else text


def with_error(value, error, divisor):
    return f"{shown(value, divisor)} ±{shown(error, divisor)}"


class Report(Case):
    @classmethod
    def setUpClass(cls):
        """One browser and one cube for all tests."""
        cls.shared = tempfile.mkdtemp(prefix="tailcube-report-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.browser = Browser(cls.shared)
        cls.addClassCleanup(cls.browser.close)
        cls.browser.page()
        run = tailcube("run", os.path.join(TINY, "job.toml"), "-o", os.path.join(cls.shared, "out"), "-q")
        assert run.code == 0, run.err

    def cube(self):
        """The folder of this test with that cube, its record and nothing else."""
        shutil.copytree(os.path.join(self.shared, "out"), self.path("out"))

    def report(self, *arguments, output="out"):
        result = self.run_ok("report", self.path(output), *arguments)
        page = self.path(output, "report.html")
        self.assertIn("report.html: ", result.out)
        return page

    def test_page(self):
        """One page, all sizes and schemes; then its numbers against the cube's, by script and without."""
        self.cube()
        page = self.report()
        browser = self.browser
        seen = {}
        for width in (360, 768, 1440):
            for scheme in ("light", "dark"):
                with self.subTest(width=width, scheme=scheme):
                    browser.open("file://" + page, width, 900, scheme)
                    self.assertEqual(browser.complaints(), [])
                    self.assertLessEqual(browser.value("document.documentElement.scrollWidth"), width)
                    seen[scheme] = browser.value("getComputedStyle(document.body).backgroundColor")
        self.assertNotEqual(seen["light"], seen["dark"])
        tables = browser.value(TABLES)
        with h5py.File(self.path("out", "cube.h5")) as file:
            self.check_numbers(file, tables)
        self.check_access()
        digest = hashlib.sha256(read(self.path("out", "cube.h5"))).hexdigest()
        self.assertIn(digest, browser.value("document.getElementById('provenance').textContent"))
        self.assertIn("CPU time of all ranks", str(tables["t-cost"]))
        self.check_selection(page, tables)

    def check_numbers(self, file, tables):
        cube = file["cube"]
        nodes, cells = list(cube["node"].asstr()), list(cube["cell"].asstr())
        caption = self.browser.value("document.getElementById('t-total').caption.textContent")
        unit = re.search(r"in \S+( thousand| million)?", caption)
        divisor = {None: 1, " thousand": 1e3, " million": 1e6}[unit[1]]
        total = nodes.index("total")
        es, lower, upper = (cube["expected_shortfall" + end][0] for end in ("", "_lower", "_upper"))
        mean, se = cube["expected_loss"][0], cube["expected_loss_se"][0]
        error = (es - lower).clip(upper - es)
        self.assertEqual([row[0] for row in tables["t-total"]], cells)
        for c, row in enumerate(tables["t-total"]):
            self.assertEqual(row[1], with_error(mean[c, total, -1], 1.959963984540054 * se[c, total, -1], divisor))
            for k in range(2):
                text = with_error(es[c, total, -1, k], error[c, total, -1, k], divisor)
                self.assertEqual(row[3 + 2 * k].rstrip("!*"), text)
        for n, row in enumerate(tables["t-nodes"]):
            self.assertEqual(row[0], nodes[n].split("/")[-1])
            self.assertEqual(row[1], shown(cube["base_value"][n], divisor))
            for h, text in enumerate(row[2:]):
                self.assertTrue(text.startswith(shown(es[0, n, h, 1], divisor) + " ±"), (text, es[0, n, h, 1]))
        tail = file["tail"]
        for rank, row in enumerate(tables["t-tail"]):
            self.assertEqual(row[1], str(tail["scenario"][0, total, -1, rank]))
            self.assertEqual(row[2], shown(tail["loss"][0, total, -1, rank], divisor))
        first, *_, last = tables["t-distribution"]
        self.assertEqual(first[1], "3,000")
        self.assertGreater(int(last[1]), 0)

    def check_access(self):
        """What a screen reader and a keyboard need, as far as a script can see it."""
        count = {"[...document.querySelectorAll('select')].filter((s) => !s.labels.length)": "selects without a label",
                 "[...document.querySelectorAll('table')].filter((t) => !t.caption)": "tables without a caption",
                 "[...document.querySelectorAll('table th:not([scope])')]": "heads without a scope",
                 "[...document.querySelectorAll('svg')].filter((s) => !s.querySelector('title, desc').textContent)": "charts without a name",
                 "[...document.querySelectorAll('.scroll:not([tabindex])')]": "regions out of the keyboard's reach",
                 "[...document.querySelectorAll('[id]')].filter((e) => document.getElementById(e.id) !== e)": "ids that are there twice"}
        for expression, what in count.items():
            self.assertEqual(self.browser.value(f"{expression}.length"), 0, what)
        self.assertEqual(self.browser.value("document.documentElement.lang"), "en")
        self.assertEqual(self.browser.value("document.querySelectorAll('main, header, footer, nav[aria-label]').length"), 4)
        self.assertEqual(self.browser.value("document.querySelectorAll('svg').length"), 5)

    def check_selection(self, page, tables):
        """Choosing there and back gives the first tables again, which are those of the page without its script."""
        choose = "(id, value) => { byId(id).value = value; byId(id).dispatchEvent(new Event('change')); }"
        self.browser.value(f"({choose})('pick-horizon', '0')")
        changed = self.browser.value(TABLES)
        self.assertNotEqual(changed["t-total"], tables["t-total"])
        self.browser.value(f"({choose})('pick-horizon', String(data.horizon))")
        self.assertEqual(self.browser.value(TABLES), tables)
        self.assertEqual(self.browser.complaints(), [])
        self.browser.open("file://" + page, scripts=False)
        self.browser.call("Emulation.setScriptExecutionDisabled", value=False)
        static = self.browser.value(TABLES)
        for name in static:
            if name not in ("t-distribution", "t-cost"):  # these are the script's
                self.assertEqual(static[name], tables[name], name)

    def test_hostile_names(self):
        """Names from the cube stay text, wherever they are."""
        toml = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
        job = self.job(edit=[('name = "base"', f'name = "{toml}"')])
        self.run_ok("run", job, "-o", self.path("out"), "-q", "--set", f'run.name="{toml}"')
        page = self.report()
        self.browser.open("file://" + page)
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.value("document.querySelectorAll('img').length"), 0)
        self.assertEqual(self.browser.value("data.cells[0]"), HOSTILE)
        self.assertEqual(self.browser.value(TABLES)["t-total"][0][0], HOSTILE)
        self.assertIn(HOSTILE, self.browser.value("document.title"))

    def test_without_charts(self):
        self.cube()
        page = self.report("--without-charts")
        self.browser.open("file://" + page)
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.value("document.querySelectorAll('svg').length"), 0)
        self.assertIn("Charts were left out", self.browser.value("document.getElementById('no-charts').textContent"))
        self.assertGreater(len(self.browser.value(TABLES)["t-distribution"]), 0)

    def test_policy(self):
        """The page's own script would be refused if a byte of it changed."""
        self.cube()
        page = self.report()
        with open(page, "rb") as file:
            text = file.read()
        with open(page, "wb") as file:
            file.write(text.replace(b"function show()", b"function  show()", 1))
        self.browser.open("file://" + page)
        self.assertIn("Content Security Policy", str(self.browser.complaints()))
        self.assertEqual(self.browser.value("typeof show"), "undefined")


if __name__ == "__main__":
    main()
