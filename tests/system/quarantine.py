"""run.faults = "quarantine": the cube of the book without what cannot be valued, told by name, count and share."""
import os
import unittest

from common import HAS_MPI, Case, main, read, tailcube

try:
    import h5py
except ImportError:
    h5py = None

JOB = """[run]
name = "quarantine"
seed = 11
scenarios = 5000
currency = "USD"
faults = "quarantine"
[time]
step = "1Q"
steps = 4
report = [2, 4]
[files]
factors = "factors.csv"
curves = "curves.csv"
obligors = "obligors.csv"
positions.bond = "bonds.csv"
positions.holding = "holdings.csv"
positions.vault = "vaults.csv"
[market]
uncorrelated = ["ETH", "SOL", "GOLD", "RATE", "SME"]
[cube]
levels = ["book", "pool"]
confidence = [0.9, 0.99]
tail_scenarios = 20
[[stress]]
name = "base"
[[stress]]
name = "mania"
shocks = [ { factor = "SOL", multiply = 1e18, from = 3 } ]
[[stress]]
name = "crash"
shocks = [ { factor = "ETH", add = -1500.0, from = 4 } ]
"""
FILES = {
    "factors.csv": "id,kind,initial,drift,volatility\nETH,lognormal,4000,0,0.8\nSOL,lognormal,150,0,0.9\nGOLD,lognormal,2000,0,0.15\n"
                   "RATE,normal,0.04,0,0.01\nSME,driver,,,\n",
    "curves.csv": "curve,tenor_years,factor\nUSD,1,RATE\n",
    "obligors.csv": "id,pd_1y,driver,asset_correlation,lgd\n" + "".join(f"o{i},0.0{i},SME,0.2,0.45\n" for i in range(1, 6)),
    # A coupon of -100 % leaves nothing to be worth par: no spread for b3 and b7.
    "bonds.csv": "id,book,pool,obligor,notional,coupon,frequency,maturity_years,curve,spread\n" + "".join(
        f"b{i},credit,{'north' if i < 5 else 'south'},o{1 + i % 5},{1000 * i},{-1 if i in (3, 7) else 0.06},1,{2 + i % 4},USD,\n"
        for i in range(1, 10)),
    # 1e18 times SOL leaves the range of the loss unit: h2. Where ETH falls below zero it has no price: h1, v3.
    "holdings.csv": "id,book,pool,factor,quantity\nh1,tokens,spot,ETH,1\nh2,tokens,spot,SOL,20\nh3,tokens,spot,GOLD,1\n",
    "vaults.csv": "id,book,pool,collateral_factor,collateral_quantity,debt,liquidation_threshold\nv1,tokens,vaults,SOL,100,9000,0.8\n"
                  "v2,tokens,vaults,GOLD,12,20000,0.8\nv3,tokens,vaults,ETH,10,20000,0.8\n",
}
BAD = {"b3": "total/credit/north", "b7": "total/credit/south", "h1": "total/tokens/spot", "h2": "total/tokens/spot",
       "v3": "total/tokens/vaults"}


class Quarantine(Case):
    def write(self, name, without=(), faults="quarantine", files=None):
        os.makedirs(self.path(name), exist_ok=True)
        with open(self.path(name, "job.toml"), "w") as out:
            out.write(JOB.replace('faults = "quarantine"', f'faults = "{faults}"'))
        for file, text in (FILES | (files or {})).items():
            with open(self.path(name, file), "w") as out:
                out.writelines(line for line in text.splitlines(True) if line.split(",")[0] not in without)
        return self.path(name, "job.toml")

    @unittest.skipUnless(h5py, "needs h5py")
    def test_the_cube_of_the_book_without_them(self):
        self.cube(job=self.write("all"), output="some")
        self.cube(job=self.write("good", without=BAD, faults="fail"), output="good_out")
        record = self.record("some")
        self.assertEqual({p["id"]: p["node"] for p in record["quarantined"]}, BAD)
        with h5py.File(self.path("some", "cube.h5")) as some, h5py.File(self.path("good_out", "cube.h5")) as good:
            self.assertEqual(some.attrs["loss_unit"], good.attrs["loss_unit"])
            compared = []
            for group in ("cube", "tail", "distribution"):
                self.assertEqual(set(some[group]), set(good[group]))
                for name in some[group]:
                    if name in ("fault_count", "fault_share"):
                        self.assertFalse(good[group][name][...].any())
                        continue
                    self.assertEqual(some[group][name][...].tobytes() if some[group][name].dtype != object
                                     else list(some[group][name].asstr()[...]),
                                     good[group][name][...].tobytes() if good[group][name].dtype != object
                                     else list(good[group][name].asstr()[...]), name)
                    compared.append(name)
            self.assertGreater(len(compared), 30)
            self.assertNotIn("quarantine", good)
            self.check_told(some, record)

    def check_told(self, cube, record):
        told = cube["quarantine"]
        ids = list(told["position"].asstr())
        self.assertEqual(ids, ["h1", "h2", "b3", "b7", "v3"])  # by type and id
        self.assertEqual(dict(zip(ids, told["path"].asstr())), BAD)
        reasons = dict(zip(ids, told["reason"].asstr()))
        self.assertIn("no spread", reasons["b3"])
        self.assertIn("loss units", reasons["h2"])
        self.assertIn("no price", reasons["v3"])
        cells, nodes = list(cube["cube/cell"].asstr()), list(cube["cube/node"].asstr())
        count, share = cube["cube/fault_count"][...], cube["cube/fault_share"][...]
        at = {node: i for i, node in enumerate(nodes)}
        base, mania, crash = (cells.index(c) for c in ("base", "mania", "crash"))
        # No spread: in every scenario of every cell. SOL x 1e18: in every scenario of its cell. ETH: where it falls below zero.
        self.assertEqual(count[base, at["total/credit/north"]], 5000)
        self.assertEqual(count[base, at["total"]], 10000)
        self.assertEqual(count[mania, at["total/tokens/spot"]], 5000)
        lost = count[crash, at["total/tokens/spot"]]
        self.assertTrue(0 < lost < 5000)
        self.assertEqual(count[crash, at["total/tokens/vaults"]], lost)
        self.assertEqual(count[crash, at["total"]], 10000 + 2 * lost)
        # Worth today: bonds without a spread at their notional.
        worth = {"b3": 3000, "b7": 7000, "h1": 4000, "h2": 3000, "v3": 20000}
        total = sum(1000 * i for i in range(1, 10)) + 4000 + 3000 + 2000 + 9000 + 20000 + 20000
        for position, its_share in zip(ids, told["share"]):
            self.assertAlmostEqual(its_share, worth[position] / total, 6)
        for cell in range(3):
            self.assertAlmostEqual(share[cell, at["total"]], sum(worth.values()) / total, 6)
            self.assertAlmostEqual(share[cell, at["total/tokens/spot"]], 7000 / 9000, 6)
        self.assertAlmostEqual(record["quarantined_share"], share[0, 0], 9)

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_ranks_threads_and_memory(self):
        job = self.write("all")
        expected = self.cube("--threads", 1, job=job, output="one")
        records = {str(self.record("one")["quarantined"])}
        for ranks, threads, memory in ((1, 3, "2G"), (2, 1, "2G"), (3, 2, "2G"), (1, 1, "64M")):
            with self.subTest(ranks=ranks, threads=threads, memory=memory):
                self.assertTrue(self.cube("--threads", threads, "--memory", memory, job=job, ranks=ranks, output="more",
                                          *["--overwrite"]) == expected, "another cube")
                records.add(str(self.record("more")["quarantined"]))
        self.assertEqual(len(records), 1)

    def test_the_log_names_them(self):
        result = self.run_ok("run", self.write("all"), "-o", self.path("out"), "-q")
        self.assertIn("5 of 15 positions", result.err)
        self.assertEqual(result.err.count("quarantined: bond b3 in total/credit/north: no spread"), 1)

    def test_nothing_left(self):
        bad = {"bonds.csv": "".join(FILES["bonds.csv"].splitlines(True)[0:1] + FILES["bonds.csv"].splitlines(True)[3:4])}
        job = self.write("none", files=bad, without={"h1", "h2", "h3", "v1", "v2", "v3"})
        text = read(job).decode().replace('positions.holding = "holdings.csv"\npositions.vault = "vaults.csv"\n', "")
        with open(job, "w") as out:
            out.write(text)
        result = tailcube("run", job, "-o", self.path("out"), "-q")
        self.assertEqual(result.code, 65, result.err)
        self.assertIn("every position of the job would be quarantined", result.err)

    def test_the_first_fault_does_not_depend_on_how_it_is_found(self):
        job = self.write("fail", faults="fail", without={"b3", "b7", "h2", "h3", "v1", "v3"})
        seen = set()
        for ranks, threads, memory in ((1, 1, "2G"), (1, 3, "2G"), (2, 1, "2G"), (3, 2, "2G"), (1, 1, "64M")):
            if ranks > 1 and not HAS_MPI:
                continue
            result = tailcube("run", job, "-o", self.path("out"), "-q", "--overwrite", "--threads", threads, "--memory", memory,
                              ranks=ranks)
            self.assertEqual(result.code, 65, result.err)
            seen.add("\n".join(line for line in result.err.splitlines() if "of cell" in line))
        self.assertEqual(len(seen), 1, seen)
        self.assertIn('of cell "crash": holding h1 in total/tokens/spot: its value is not a finite number', seen.pop())


if __name__ == "__main__":
    main()
