"""The examples run, and say what their first lines promise. The expectations are worked out here, apart from the program."""
import csv
import json
import math
import os
import sys

from common import ROOT, Case, main, read

try:
    import h5py
except ImportError:
    print("python3-h5py is missing: skipped")
    sys.exit(77)

EXAMPLES = os.path.join(ROOT, "jobs", "examples")


def table(example, name):
    with open(os.path.join(EXAMPLES, example, name), newline="") as file:
        return list(csv.DictReader(file))


class Examples(Case):
    def cube_of(self, example):
        self.run_ok("run", os.path.join(EXAMPLES, example, "job.toml"), "-o", self.path(example), "-q")
        file = h5py.File(self.path(example, "cube.h5"))
        self.addCleanup(file.close)
        return Reader(file)

    def test_every_example_is_tested(self):
        self.assertEqual(sorted(os.listdir(EXAMPLES)), ["levered_private_credit", "onchain_positions", "one_loan", "private_assets", "supervisory_path", "vault_crash"])

    def test_one_loan(self):
        cube = self.cube_of("one_loan")
        today = 6000 * math.exp(-0.06) + 6000 * math.exp(-0.12) + 106000 * math.exp(-0.18)
        paying = today - (6000 + 6000 * math.exp(-0.06) + 106000 * math.exp(-0.12))
        failed = today - 0.6 * 106000
        rounding = 2 / 1024
        self.within_errors(cube, "expected_loss", 0.97 * paying + 0.03 * failed)
        self.within_errors(cube, "probability_of_loss", 0.03)
        self.within_errors(cube, "expected_shortfall", (3 * failed + 2 * paying) / 5, confidence=0)
        self.assertAlmostEqual(cube("value_at_risk", confidence=0), paying, delta=rounding)
        self.assertAlmostEqual(cube("value_at_risk", confidence=1), failed, delta=rounding)
        self.within_errors(cube, "expected_loss", 0.03 * (failed - paying), quantity="credit")
        text = read(os.path.join(EXAMPLES, "one_loan", "job.toml")).decode()
        for figure in (today, paying, failed, 0.97 * paying + 0.03 * failed, (3 * failed + 2 * paying) / 5, failed - paying):
            self.assertIn(f"{figure:,.2f}".replace(",", " "), text)

    def within_errors(self, cube, name, expected, **where):
        value, error = cube(name, **where), cube(name + "_se", **where)
        self.assertGreater(error, 0)
        self.assertLess(abs(value - expected), 4 * error, f"{name} {value} +- {error}, by hand {expected}")

    def test_supervisory_path(self):
        cube = self.cube_of("supervisory_path")
        path = {int(row["step"]): row for row in table("supervisory_path", "fed_2025_severely_adverse.csv")}
        for cell in ("path alone", "path and rest"):
            for horizon, step in enumerate((4, 9)):
                here = dict(cell=cell, horizon=horizon)
                lost = 100000 * (100 - float(path[step]["CRE"]))
                note = note_value(path[0], 0) - note_value(path[step], step)
                for name, of in (("expected_loss", {}), ("value_at_risk", dict(confidence=1))):
                    self.assertAlmostEqual(cube(name, node="property", **here, **of), lost, delta=1e-2)
                    self.assertAlmostEqual(cube(name, node="treasury", **here, **of), note, delta=1e-2)
                self.assertEqual(cube("expected_loss_se", node="property", **here), 0)
        pd = [cube.of_cell("cell_conditional_pd", cell) for cell in ("base", "path alone", "path and rest")]
        self.assertEqual(pd[0], pd[1], "without propagation the borrowers do not hear of the path")
        self.assertGreater(pd[2], 2 * pd[0])
        self.assertEqual(cube("expected_loss", cell="base", node="credit"), cube("expected_loss", cell="path alone", node="credit"))
        self.assertGreater(cube("expected_loss", cell="path and rest", node="credit"), 2 * cube("expected_loss", node="credit"))

    def test_vault_crash(self):
        cube = self.cube_of("vault_crash")
        slide = lambda step: 4000 * (2200 / 4000) ** (min(step, 20) / 20)  # a path is geometric between its rows
        for horizon, steps in enumerate((10, 30)):
            self.assertAlmostEqual(cube("expected_loss", cell="slide", node="daily", horizon=horizon), slide_loss(slide, steps),
                                   delta=0.1)
        bad = {cell: cube.gauge("bad_debt", cell, "daily") for cell in ("base", "gap", "slide")}
        self.assertGreater(bad["gap"], 10 * max(bad["base"], bad["slide"]))
        watched = {cell: cube.gauge("bad_debt", cell, "watched") for cell in ("base", "gap", "slide")}
        self.assertGreater(watched["base"], 0, "jumps leave bad debt however closely one looks")
        self.assertLess(watched["base"], bad["base"])
        self.assertGreater(watched["gap"], 0.9 * bad["gap"])
        self.assertLess(watched["slide"], 1)

    def test_private_assets(self):
        cube = self.cube_of("private_assets")
        sold = 1e5 * (1 - math.exp(-2))
        self.assertIn(f"{sold:,.2f}".replace(",", " "), read(os.path.join(EXAMPLES, "private_assets", "job.toml")).decode())
        self.within_errors(cube, "expected_loss", 0, node="kept")
        self.within_errors(cube, "expected_loss", sold, node="offered")
        self.within_errors(cube, "expected_loss", -80000, node="by_index")
        worth = 2e6 * math.exp(0.15 ** 2)  # a mean of 1 / CAP
        self.within_errors(cube, "expected_loss", 2e6 - worth - 1e5, node="by_income")
        self.within_errors(cube, "expected_loss", 2e6 - worth / 1.2 - 1e5, node="by_income", cell="cap rates")
        self.assertEqual(cube("expected_loss", node="by_index", cell="cap rates"), cube("expected_loss", node="by_index"))
        interest = 5e5 * math.expm1(0.03)
        self.assertIn(f"{interest:,.2f}".replace(",", " "), read(os.path.join(EXAMPLES, "private_assets", "job.toml")).decode())
        self.assertAlmostEqual(cube("value_at_risk", node="deposit", confidence=1), -interest, delta=1 / 1024)
        paid = lambda first, last: sum(2e4 * math.exp(-0.04 * k / 12) for k in range(first, last + 1))
        sold = lambda month: 9e5 * math.exp(-0.2 * month / 12)
        gain = 12 * 2e4 + paid(1, 24) - paid(1, 36)
        failed = lambda month: 0.96 ** ((month - 1) / 12) - 0.96 ** (month / 12)
        lost = sum(failed(n) * ((13 - n) * 2e4 + paid(1, 24) + sold(36) - 0.4 * 2e4 - sold(n + 6)) for n in range(1, 13))
        self.within_errors(cube, "expected_loss", -gain, node="let")
        self.within_errors(cube, "expected_loss", lost, node="leased", quantity="credit")
        for figure in (gain, lost):
            self.assertIn(f"{figure:,.2f}".replace(",", " "), read(os.path.join(EXAMPLES, "private_assets", "job.toml")).decode())
        fraud = 4e5 * (1 - math.exp(-0.02 / 4))
        for book in ("pooled", "single"):
            mean, error = (cube.gauge("defrauded", "base", book, kind) for kind in ("mean", "se"))
            self.assertLess(abs(mean - fraud), 4 * error)
        self.assertGreater(cube("value_at_risk", node="pooled", confidence=1), 3e5)
        self.assertLess(cube("value_at_risk", node="single", confidence=1), 2.5e5)
        self.assertAlmostEqual(cube("expected_loss", node="song"), cube("expected_loss", node="masts"),
                               delta=4 * cube("expected_loss_se", node="masts"))
        lost = [cube("expected_loss", node="masts", cell=cell) for cell in ("base", "token crash")]
        received = sum(1e5 / 12 * math.exp((1 - math.exp(-1.4 * n / 12)) * 0.09 / 2.8) for n in range(1, 7))  # six months
        self.assertAlmostEqual(lost[1] - lost[0], 0.8 * received, delta=0.02 * received)

    def test_onchain_positions(self):
        cube = self.cube_of("onchain_positions")
        slide = lambda step: 3000 * 0.6 ** (min(step, 20) / 20)
        perps, pools = (table("onchain_positions", name) for name in ("perps.csv", "pools.csv"))
        for horizon, steps in enumerate((10, 30)):
            for book in ("traders", "venue", "full", "narrow", "levered", "hedged", "basis", "insured", "covered"):
                loss = sum(perp_loss(row, slide, steps) for row in perps if row["book"] == book)
                loss += sum(pool_loss(row, slide, steps) for row in pools if row["book"] == book)
                if book == "insured":
                    loss += 100 * (put_value(3000, 0.25) - put_value(slide(steps), 0.25 - steps / 365))
                if book == "covered":  # on day 14 ether is below 2 100, and what 20 ether are worth is shared by 240 000
                    loss += 6000 * min(steps, 14) / 365 - (60000 / 240000 * 20 * slide(14) if steps >= 14 else 0)
                self.assertAlmostEqual(cube("expected_loss", cell="slide", node=book, horizon=horizon), loss, delta=0.02, msg=book)
        # E sqrt(S_t / S) of jumps of mean size exp(m + s^2 / 2) whose mean is compensated.
        m, s, days = -0.08, 0.14, 30
        jumps = 3 * (math.exp(m / 2 + s * s / 8) - 1 - (math.exp(m + s * s / 2) - 1) / 2)
        mean = lambda day: 3e5 * math.exp((jumps - 0.75 ** 2 / 8) * day / 365)
        self.within_errors(cube, "expected_loss", 3e5 - mean(days) - sum(0.2 / 365 * mean(day) for day in range(1, days + 1)), node="full")
        lost, error = (cube.gauge("impermanent_loss", "base", "full", kind) for kind in ("mean", "se"))
        self.assertLess(abs(lost - (3e5 - mean(days))), 4 * error)
        bad = {cell: cube.gauge("bad_debt", cell, "venue") for cell in ("base", "gap", "slide")}
        self.assertGreater(bad["gap"], 5e4)
        self.assertEqual(bad["slide"], 0, "day by day each is liquidated while there is margin")
        self.assertEqual(bad["gap"], cube.gauge("bad_debt", "gap", "traders"))
        self.assertLess(cube("expected_loss", cell="slide", node="venue"), 0, "the venue earns its fees")
        self.assertGreater(cube("expected_loss", cell="gap", node="venue"), 5e4)
        self.assertEqual(cube.gauge("liquidated", "slide", "basis"), 0)
        self.assertLess(cube.gauge("liquidated", "gap", "basis"), 0.01 * 195 * 1800)
        drawn, taken = cube.gauge("insurance_drawn", "gap", "traders"), cube.gauge("auto_deleveraged", "gap", "basis")
        self.assertLess(drawn, 60000)
        self.assertGreater(taken, 2e4)
        self.assertLessEqual(drawn + taken, bad["gap"] + 1e-6)
        paid, unpaid = (cube.gauge("claims_" + which, "gap", "covered") for which in ("paid", "unpaid"))
        self.assertGreater(paid, 5e3)
        self.assertLess(paid / (paid + unpaid), 20 * 2100 / 240000, "so much is there at the price of the claim")
        self.assertLess(cube("expected_shortfall", cell="gap", node="insured", confidence=1), cube("expected_shortfall", node="full", confidence=1))
        self.assertLess(cube("expected_shortfall", node="hedged", confidence=1), cube("expected_shortfall", node="full", confidence=1) / 2)

    def test_levered_private_credit(self):
        cube = self.cube_of("levered_private_credit")
        self.assertEqual(cube.names["node"], ["total", "total/lending", "total/senior", "total/tokens"])
        lost = [cube("expected_loss", quantity="credit", cell=cell) for cell in ("base", "recession")]
        self.assertGreater(lost[1], 3 * lost[0])
        self.assertGreater(cube.gauge("liquidated", "recession", "lending"), 1000)
        for node in ("lending", "senior", "tokens"):
            where = ("replay", self.path("levered_private_credit"), "--cell", "recession", "--format", "json")
            worst = json.loads(self.run_ok(*where, "--node", "total/" + node, "--worst", 1).out)["scenarios"][0]
            story = json.loads(self.run_ok(*where, "--scenario", worst, "--most", 0).out)
            self.assertTrue(story["equals_cube"])
            self.check_chain(story)

    def check_chain(self, story):
        """Every link of the chain from the one before it, by the rules in the job's first lines."""
        link = {p["id"]: p for p in story["published"]}
        self.assertEqual([p["id"] for p in story["published"] if p["id"] in ("vehicle", "junior", "fund", "PCF")],
                         ["vehicle", "junior", "fund", "PCF"])
        loans, months = link["vehicle"], range(13)
        self.assertAlmostEqual(loans["value"][0], 6e6, delta=1)
        failed = [min((d["step"] for d in story["defaults"]), default=99) <= n for n in months]
        self.assertEqual([loss > 1 for loss in loans["credit_loss"]], failed)
        lost = [loss / loans["value"][0] for loss in loans["credit_loss"]]
        junior = [1 - min(max(x / 0.25, 0), 1) for x in lost]
        senior = [1 - min(max((x - 0.25) / 0.75, 0), 1) for x in lost]
        self.same(link["junior"]["value"], junior)
        self.same(link["senior"]["value"], senior)
        held = [1.5e6 * (junior[n] + sum(0.16 / 12 * junior[k] for k in range(n))) for n in months]
        self.same(link["fund"]["value"], held, 1e-6)
        net = [max(1.5 * held[n] / held[0] - 0.5 * math.exp(0.07 * n / 12), 0) for n in months]
        price, coin = [net[max(n - 1, 0)] for n in months], link["USDX"]["value"]
        self.same(link["PCF"]["value"], price)
        self.assertGreater(net[0], net[-1])
        kept, cash = 1, 0
        for quarter in (6, 9, 12):
            kept, cash = kept - 0.25, cash + 0.25 * price[quarter]
        node = {n["path"]: n["loss"][-1] for n in story["nodes"]}
        self.assertAlmostEqual(node["total/tokens"], 2e5 * (1 - kept * net[-1] - cash), delta=0.01)
        paid = sum(0.06 / 12 * senior[k] for k in range(12))
        self.assertAlmostEqual(node["total/senior"], 4.5e6 * (1 - senior[-1] - paid), delta=0.01)
        sales = sorted((l["position"], l["step"], l["repaid"]) for l in story["liquidations"])
        by_hand = sorted(vault_sales(link["PCF"]["value"], coin))
        self.assertEqual([sale[:2] for sale in sales], [sale[:2] for sale in by_hand])
        self.same([sale[2] for sale in sales], [sale[2] for sale in by_hand])

    def same(self, found, expected, tolerance=1e-9):
        for n, (a, b) in enumerate(zip(found, expected)):
            self.assertAlmostEqual(a, b, delta=tolerance * max(1, abs(b)), msg=f"step {n}: {found}, by hand {expected}")


def vault_sales(price, coin):
    """(vault, step, repaid) of all liquidations, one vault and one month after the other."""
    sales = []
    for row in table("levered_private_credit", "vaults.csv"):
        collateral, debt = float(row["collateral_quantity"]), float(row["debt"])
        for n in range(1, 13):
            debt *= math.exp(0.08 / 12)
            if collateral > 1e-6 and collateral * price[n] * 0.75 < debt * coin[n]:
                paid = min(0.5 * debt * coin[n], collateral * price[n] * 0.99 / 1.08)
                sales.append((row["id"], n, paid))
                collateral, debt = collateral - paid * 1.08 / (0.99 * price[n]), debt - paid / coin[n]
    return sales


def put_value(price, years):
    strike, rate, deviation = 2700, 0.04, math.sqrt((0.75 ** 2 + 3 * (0.08 ** 2 + 0.14 ** 2)) * years)
    normal = lambda x: math.erfc(-x / math.sqrt(2)) / 2
    d = (math.log(price / strike) + rate * years) / deviation + deviation / 2
    return strike * math.exp(-rate * years) * normal(deviation - d) - price * normal(-d)


def perp_loss(row, price, steps):
    """By the rules in the job's first lines, one day after the other."""
    size, entry, margin, sign = float(row["size"]), float(row["entry_price"]), float(row["collateral"]), 1 if row["side"] == "long" else -1
    paid, venue, fee = 0.0, row["holder"] == "venue", float(row["liquidation_fee"])
    for step in range(1, steps + 1):
        paid += sign * size * float(row["funding_rate"]) / 365 * price(step)
        equity, worth = margin - paid + sign * size * (price(step) - entry), size * price(step)
        if not row["account"] and equity < (float(row["maintenance_margin"]) + fee) * worth:  # legs of the account are never due
            left = max(equity - fee * worth, 0)
            return left - equity if venue else margin - left
    return 0 if venue else margin - equity


def pool_loss(row, price, steps):
    number = lambda name, otherwise: float(row[name] or otherwise)
    low, high, debt = math.sqrt(number("lower_price", 0)), math.sqrt(number("upper_price", math.inf)), number("debt", 0)

    def worth(p):  # of one unit of liquidity
        root = min(max(math.sqrt(p), low), high)
        return p * (1 / root - 1 / high) + root - low
    liquidity, received = number("value", 0) / worth(price(0)), 0.0
    for step in range(1, steps + 1):
        value = liquidity * worth(price(step))
        if low <= math.sqrt(price(step)) < high:
            received += number("fee_rate", 0) / 365 * value
        if value * number("liquidation_threshold", 1) < debt:
            return number("value", 0) - debt - received - max(value - (1 + number("bonus", 0)) * min(debt, value / (1 + number("bonus", 0))), 0)
    return number("value", 0) - debt - received - max(value - debt, 0)


def note_value(row, step):
    """Value and coupons received of the treasury note; all coupons fall on steps."""
    pillars = [(0.25, float(row["UST_3M"])), (5, float(row["UST_5Y"])), (10, float(row["UST_10Y"]))]

    def rate(t):
        if t <= pillars[0][0]:
            return pillars[0][1]
        for (a, low), (b, high) in zip(pillars, pillars[1:]):
            if t <= b:
                return low + (high - low) * (t - a) / (b - a)

    now, worth = step / 4, 0.0
    for k in range(1, 15):
        date, amount = k / 2, 5e6 * (0.021 + (k == 14))
        worth += amount if date <= now else amount * math.exp(-rate(date - now) * (date - now))
    return worth


def slide_loss(price, steps):
    """The lender's loss on the table of vaults by the rules in the job's first lines, one vault and one day after the other."""
    loss, growth = 0.0, math.exp(0.05 / 365)
    for row in table("vault_crash", "daily.csv"):
        collateral, debt, repaid = float(row["collateral_quantity"]), float(row["debt"]), 0.0
        today = min(debt, collateral * price(0))
        for step in range(1, steps + 1):
            debt *= growth
            if collateral * price(step) * 0.83 < debt:
                paid = min(0.5 * debt, collateral * price(step) / 1.05)
                collateral, debt, repaid = collateral - 1.05 * paid / price(step), debt - paid, repaid + paid
        loss += today - (min(debt, collateral * price(steps)) + repaid)
    return loss


class Reader:
    def __init__(self, file):
        self.cube = file["cube"]
        self.names = {axis: list(self.cube[axis].asstr()) for axis in ("quantity", "cell", "node", "gauge")}

    def __call__(self, name, quantity="economic", cell="base", node=None, horizon=-1, confidence=None):
        at = (self.names["quantity"].index(quantity), self.names["cell"].index(cell), self.node(node), horizon)
        return float(self.cube[name][at if confidence is None else (*at, confidence)])

    def node(self, name):
        return self.names["node"].index("total" if name is None else "total/" + name)

    def of_cell(self, name, cell):
        return float(self.cube[name][self.names["cell"].index(cell)])

    def gauge(self, gauge, cell, node, kind="mean"):
        return float(self.cube["gauge_" + kind][self.names["gauge"].index(gauge), self.names["cell"].index(cell), self.node(node), -1])


main()
