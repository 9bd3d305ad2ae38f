"""`tailcube report`: the page in a real browser. Its numbers are the cube's, it asks for nothing, and names cannot harm it.

Needs h5py and Chromium; ends with 77 (skipped) without them.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import unittest

from common import TINY, Case, main, read, seal, tailcube
from wide_job import write as write_wide_job
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
    return "n/a" if value != value else "0" if text == "-0" else text


def with_error(value, error, divisor):
    return f"{shown(value, divisor)} ±{'?' if error != error else shown(error, divisor)}"


def rounded(value):
    return value if value != value else round(value)


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
        page = self.report("--job", TINY)
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
            self.check_drivers(file, tables)
        self.check_stories(tables)
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

    def check_drivers(self, file, tables):
        """What nodes add to the total, with errors, and the difference to each alone."""
        cube, group = file["cube"], file["contribution"]
        nodes = list(cube["node"].asstr())
        edges = list(zip(group["edge_parent"].asstr(), group["edge_child"].asstr()))
        adds, se = (group["expected_shortfall" + end][0, :, -1, -1] for end in ("", "_se"))
        alone, lower, upper = (cube["expected_shortfall" + end][0, 0, :, -1, -1] for end in ("", "_lower", "_upper"))
        error = (alone - lower).clip(upper - alone)

        def expected(edge, child, whole):
            n, four = nodes.index(child), float(f"{se[edge]:.4g}")  # as the page has it
            half = 1.959963984540054 * four
            return [with_error(adds[edge], half, 1), shown(four, 1), f"{100 * round(adds[edge]) / round(whole):,.1f} %".replace("-0.0 %", "0.0 %"),
                    with_error(alone[n], error[n], 1), with_error(rounded(alone[n]) - rounded(adds[edge]), rounded(error[n]) + half, 1)]
        children = sorted(((edge, child) for edge, (parent, child) in enumerate(edges) if parent == "total" and child.count("/") == 1),
                          key=lambda item: -adds[item[0]])
        *rows, last = tables["t-drivers"]
        self.assertEqual([row[0] for row in rows], [child.split("/")[1] for _, child in children])
        for row, (edge, child) in zip(rows, children):
            self.assertEqual([text.replace("!", "") for text in row[1:]], expected(edge, child, alone[0]), child)
        self.assertEqual(last[0], "total, together")
        self.assertEqual(last[1].rstrip("!"), with_error(alone[0], error[0], 1))
        self.assertAlmostEqual(sum(adds[edge] for edge, _ in children), alone[0], delta=0.01)
        deep = [(edge, child) for edge, (parent, child) in enumerate(edges) if parent == "total"]
        self.assertEqual([row[0] for row in tables["t-tree"]], [child.split("/")[-1] for _, child in deep])
        for row, (edge, child) in zip(tables["t-tree"], deep):
            self.assertEqual([text.replace("!", "") for text in row[1:]], expected(edge, child, alone[0]), child)
        self.choose("pick-node", nodes.index("total/credit"))
        split = self.browser.value(TABLES)["t-drivers"]
        self.assertEqual({row[0] for row in split}, {"guarantees", "loans", "mortgages", "credit, together"})
        self.choose("pick-node", nodes.index("total/credit/loans"))  # not split up: the next node above it that is
        self.assertEqual(self.browser.value(TABLES)["t-drivers"], split)
        self.assertIn("loans is not split up by this cube: these are the parts of credit",
                      self.browser.value("byId('drivers-note').textContent"))
        self.choose("pick-node", 0)
        bars = self.browser.value("[...document.querySelectorAll('#c-waterfall rect')].map((r) => [r.getAttribute('class'), +r.getAttribute('x'), +r.getAttribute('width')])")
        self.assertEqual([kind for kind, *_ in bars], ["fall adds" if adds[edge] >= 0 else "fall lowers" for edge, _ in children] + ["fall whole"])
        tiles = self.browser.value("[...document.querySelectorAll('#c-treemap .tile')].map((r) => r.getAttribute('width') * r.getAttribute('height'))")
        self.assertGreater(len(tiles), 3)

    def check_stories(self, tables):
        """They are what `replay` says."""
        def replay(*arguments):
            return json.loads(self.run_ok("replay", self.path("out"), "--job", TINY, "--format", "json", *arguments).out)
        worst = replay("--worst", 20)
        for scenario in worst["scenarios"][:3]:
            story = replay("--scenario", scenario, "--most", 5)
            of = {name: tables.get(f"t-story-0-{scenario}-{name}", []) for name in ("market", "defaults", "liquidations", "nodes", "positions")}
            self.assertEqual([row[0] for row in of["defaults"]], [d["obligor"] for d in story["defaults"]])
            self.assertEqual([row[0] for row in of["liquidations"]], [d["position"] for d in story["liquidations"]])
            self.assertEqual([row[0] for row in of["positions"]], [p["id"] for p in story["positions"]])
            self.assertEqual([row[2] for row in of["positions"]], [shown(p["loss"][-1], 1) for p in story["positions"]])
            self.assertEqual([row[2] for row in of["nodes"]], [shown(n["loss"][-1], 1) for n in story["nodes"][:10]])
            values = {f["id"]: f["value"][-1] for f in story["factors"]}
            self.assertEqual(len(of["market"]), 8)
            for row in of["market"]:
                self.assertAlmostEqual(float(row[2]), values[row[0]], delta=1e-4 * abs(values[row[0]]))
        self.assertNotIn(f"t-story-0-{worst['scenarios'][3]}-nodes", tables)
        alike = tables["t-alike-0-nodes"]
        self.assertEqual([row[0] for row in alike], [n["id"].removeprefix("total/") for n in worst["nodes"][:10]])
        self.assertEqual([row[1] for row in alike], [with_error(n["mean_loss"], 1.959963984540054 * n["mean_loss_se"], 1) for n in worst["nodes"][:10]])
        visible = "[...document.querySelectorAll('.stories')].filter((s) => !s.hidden).map((s) => Number(s.dataset.cell))"
        self.assertEqual(self.browser.value(visible), [0])
        self.choose("pick-cell", 1)
        self.assertEqual(self.browser.value(visible), [1])
        self.choose("pick-cell", 0)

    def choose(self, name, value):
        self.browser.value(f"byId('{name}').value = '{value}'; byId('{name}').dispatchEvent(new Event('change'));")

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
        self.assertEqual(self.browser.value("document.querySelectorAll('svg').length"), 7)

    def check_selection(self, page, tables):
        """Choosing there and back gives the first tables again, which are those of the page without its script."""
        self.choose("pick-horizon", 0)
        changed = self.browser.value(TABLES)
        self.assertNotEqual(changed["t-total"], tables["t-total"])
        self.choose("pick-horizon", self.browser.value("data.horizon"))
        self.assertEqual(self.browser.value(TABLES), tables)
        self.assertEqual(self.browser.complaints(), [])
        self.browser.open("file://" + page, scripts=False)
        self.browser.call("Emulation.setScriptExecutionDisabled", value=False)
        static = self.browser.value(TABLES)
        for name in static:
            if name not in ("t-distribution", "t-cost"):  # these are the script's
                self.assertEqual(static[name], tables[name], name)

    def test_paper(self):
        """All that is folded on a screen is printed, with the script and without; then it is folded again."""
        self.cube()
        page = self.report("--job", TINY)
        browser, folded = self.browser, "[...document.querySelectorAll('details')].map((d) => d.open)"
        captions = "[...document.querySelectorAll('table')].filter((t) => !t.closest('[hidden]')).map((t) => t.caption.textContent)"
        for scripts in (True, False):
            with self.subTest(scripts=scripts):
                browser.open("file://" + page, scheme="dark", scripts=scripts)
                if scripts:
                    before = browser.value(folded)
                    self.assertIn(False, before)
                    browser.value(f"addEventListener('beforeprint', () => {{ window.onPaper = [{folded}, "
                                  "document.querySelector('#c-fan svg').clientWidth]; })")
                with open(self.path("page.pdf"), "wb") as file:
                    file.write(browser.printed())
                browser.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
                browser.call("Emulation.setScriptExecutionDisabled", value=False)
                self.assertEqual(browser.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
                self.assertEqual(browser.value("getComputedStyle(document.querySelector('.legend .h8')).backgroundColor"), "rgb(97, 31, 5)")
                if scripts:
                    all_open, width = browser.value("onPaper")
                    self.assertEqual((set(all_open), len(all_open)), ({True}, len(before)))
                    self.assertLess(width, 700)
                    self.assertEqual(browser.value(folded), before)
                    self.assertGreater(browser.value("document.querySelector('#c-fan svg').clientWidth"), 1000)
                self.check_paper(browser.value(captions), browser.value("document.querySelector('.stories details:last-of-type').textContent"))
        self.assertEqual(browser.complaints(), [])

    def check_paper(self, captions, story):
        if not shutil.which("pdftotext"):
            print("not tried: pdftotext is not there (Debian and Ubuntu: apt-get install poppler-utils)")
            return
        text = subprocess.run(["pdftotext", self.path("page.pdf"), "-"], check=True, stdout=subprocess.PIPE, timeout=60).stdout.decode()
        words = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
        for caption in captions:
            self.assertIn(re.sub(r"\s", "", unicodedata.normalize("NFKC", caption)), words)
        self.assertIn(re.sub(r"\s", "", story.strip().splitlines()[1])[:40], words)
        self.assertIn('path="slump.csv"', words)  # the job file

    def test_hostile_names(self):
        """Names from the cube stay text, wherever they are."""
        toml = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
        job = self.job(edit=[('name = "base"', f'name = "{toml}"')])
        self.run_ok("run", job, "-o", self.path("out"), "-q", "--set", f'run.name="{toml}"')
        page = self.report("--job", job)
        self.browser.open("file://" + page)
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.value("document.querySelectorAll('img').length"), 0)
        self.assertGreater(self.browser.value("document.querySelectorAll('.stories .story').length"), 0)
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

    def test_without_stories(self):
        """A cube whose job is not at hand, or not the run's, has its page, which says why nothing is told."""
        self.run_ok("run", self.job("gone"), "-o", self.path("out"), "-q")
        os.rename(self.path("gone"), self.path("away"))  # from where run.json says it lay
        spoiled = self.job()
        with open(os.path.join(os.path.dirname(spoiled), "loans.csv"), "a") as file:
            file.write("\n")
        for arguments, why in (([], "give theirs with --job FOLDER"), (["--job", spoiled], "loans.csv: is not the file of the run"),
                               (["--job", TINY, "--stories", "0"], "they were not asked for")):
            with self.subTest(arguments=arguments):
                page = read(self.report(*arguments)).decode()
                line = re.search(r"<p class=\"note\">No stories here: (.*)</p>", page)
                self.assertIn(why, line[1])
                self.assertNotIn("class=\"stories\"", page)
                self.assertIn("t-tail", page)

    def test_scenarios_that_are_not_the_run_s(self):
        """Another program's cube: nothing is told of what cannot be reproduced."""
        self.cube()
        with h5py.File(self.path("out", "cube.h5"), "r+") as file:
            loss = file["tail/loss"][...]
            loss[0, 0, -1, 0] += 1
            file["tail/loss"][...] = loss
        seal(self.path("out", "cube.h5"))
        page = read(self.report("--job", TINY)).decode()
        self.assertRegex(page, r"No stories here: scenario \d+ of cell &quot;base&quot; is not the run&#39;s")

    def test_without_contributions(self):
        """One line says how to get them."""
        job = self.job()
        self.run_ok("run", job, "-o", self.path("out"), "-q", "--set", 'cube.contributions="none"')
        self.browser.open("file://" + self.report("--job", job))
        self.assertEqual(self.browser.complaints(), [])
        self.assertIn("cube.contributions", self.browser.value("byId('drivers').textContent"))
        self.assertIn("each alone", self.browser.value("byId('summary').textContent"))
        tables = self.browser.value(TABLES)
        self.assertNotIn("t-drivers", tables)
        self.assertGreater(len(tables["t-nodes"]), 3)

    def test_contributions_by_column(self):
        """Obligors and currencies: ranked bars and tables of what they add to the node chosen, which they add up to."""
        job = self.job()
        self.run_ok("run", job, "-o", self.path("out"), "-q", "--set", 'cube.contribute_by=["obligor", "currency"]')
        self.browser.open("file://" + self.report("--job", job))
        with h5py.File(self.path("out", "cube.h5")) as file:
            group, es = file["contribution_by"], file["cube/expected_shortfall"][0, :, :, -1, -1]
            nodes = list(file["cube/node"].asstr())
            parts = list(zip(*(group["part_" + name].asstr() for name in ("parent", "column", "value"))))
            adds, se = (group["expected_shortfall" + end][:, :, -1, -1] for end in ("", "_se"))
        self.assertEqual({parent for parent, *_ in parts}, {"total"} | {node for node in nodes if node.count("/") == 1})
        for cell, node, parent in ((0, "total", "total"), (1, "total", "total"), (1, "total/credit", "total/credit"),
                                   (0, "total/credit/loans", "total/credit"), (0, "total/crypto", "total/crypto")):
            self.choose("pick-cell", cell)
            self.choose("pick-node", nodes.index(node))
            tables, whole = self.browser.value(TABLES), es[cell, nodes.index(parent)]
            self.assertIn(f" · {parent} · ", self.browser.value("document.querySelector('[data-parts=cbhk]').textContent"))
            for place, column in enumerate(("obligor", "currency")):
                with self.subTest(cell=cell, node=node, column=column):
                    mine = {value: i for i, (of, by, value) in enumerate(parts) if (of, by) == (parent, column)}
                    self.assertAlmostEqual(sum(adds[cell, i] for i in mine.values()), whole, delta=0.01)
                    rows = tables[f"t-by-{place}"]
                    self.assertEqual({row[0] for row in rows}, set(mine))
                    amounts = [float(row[1].split(" ")[0].replace(",", "")) for row in rows]
                    self.assertEqual(amounts, sorted(amounts, reverse=True))
                    for name, *texts in rows:
                        value, four = adds[cell, mine[name]], float(f"{se[cell, mine[name]]:.4g}")
                        share = f"{100 * round(value) / round(whole):,.1f} %".replace("-0.0 %", "0.0 %")
                        self.assertEqual([text.rstrip("!") for text in texts],
                                         [with_error(value, 1.959963984540054 * four, 1), shown(four, 1), share], name)
                    bars = self.browser.value(f"document.querySelectorAll('#c-by-{place} rect').length")
                    self.assertEqual(bars, min(15, len(set(mine) - {"(none)", "(others)"})))
                    note = self.browser.value(f"byId('n-by-{place}').textContent")
                    for rest in {"(none)", "(others)"} & set(mine):
                        self.assertIn(f"{rest} {shown(adds[cell, mine[rest]], 1)} ±", note)
        self.assertEqual(self.browser.complaints(), [])

    def test_size(self):
        """A wide cube's page keeps to 1.5 MB, everything on, and says what it leaves out. (A wider one: report_html_test.)"""
        job = write_wide_job(self.path("wide"), levels=6, books=9, pools=50, scenarios=200)
        self.run_ok("run", job, "-o", self.path("out"), "-q", "--set", "cube.tail_scenarios=20")
        page = self.report("--job", job)
        size = os.path.getsize(page)
        self.assertLess(size, 1_500_000)
        self.assertGreater(size, 1_000_000)
        self.browser.open("file://" + page)
        self.assertEqual(self.browser.complaints(), [])
        tables = self.browser.value(TABLES)
        self.assertEqual((len(tables["t-total"]), len(tables["t-grid"]), len(tables["t-nodes"])), (36, 36, 60))
        self.assertGreater(self.browser.value("data.detailed.length"), 1)
        self.assertIn("of 36 stress cells", self.browser.value("byId('provenance').textContent"))
        self.assertGreater(self.browser.value("document.querySelectorAll('.stories .story').length"), 0)

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
