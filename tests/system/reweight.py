"""tailcube reweight: another view of the world on the scenarios of a cube, alike in every format."""
import csv
import io
import json
import math

from common import Case, main


class Reweight(Case):
    def setUp(self):
        super().setUp()
        self.out = self.path("out")
        self.run_ok("run", self.job(), "-o", self.out, "-q", "--set", "cube.tail_scenarios=100", "--set", "cube.confidence=[0.9, 0.95]")

    def reweight(self, *arguments, **expected):
        return self.ask("reweight", *arguments, **expected)

    def as_json(self, *arguments):
        return json.loads(self.reweight(*arguments, "--format", "json"))

    def test_formats_agree(self):
        view = ["--mean", "ETH=-0.3sd", "--propagate"]
        found = self.as_json(*view)
        total = found["nodes"][0]
        self.assertEqual((found["format"], total["path"], found["sampled"] + found["certain"]), ("tailcube reweight 1", "total", 3000))
        self.assertAlmostEqual(found["expected_share"], math.exp(-0.09), places=12)
        self.assertAlmostEqual(found["effective_share"], found["expected_share"], delta=0.1)
        self.assertLess(abs(found["mean_weight"] - 1), 4 * found["mean_weight_se"])
        eth = found["factors"][0]
        self.assertEqual(eth["id"], "ETH")
        self.assertLess(abs(eth["innovation"] + 0.3), 4 * eth["innovation_se"])
        rows = list(csv.DictReader(io.StringIO(self.reweight(*view, "--format", "csv"))))
        es = next(r for r in rows if r["item"] == "total" and r["figure"] == "expected_shortfall" and r["confidence"] == "0.9")
        self.assertEqual([float(es[k]) for k in ("run", "value", "standard_error", "lower", "upper")],
                         [total["tail"][0][k] for k in ("run_expected_shortfall", "expected_shortfall", "expected_shortfall_se",
                                                        "expected_shortfall_lower", "expected_shortfall_upper")])
        self.reweight(*view, says=["under another view: ETH=-0.3sd", "all other factors and drivers follow", "ES 90 %"])
        self.assertEqual(self.as_json(*view, "--threads", 3), found)
        # Children add up to the parent.
        for figure in ("mean", "run_mean"):
            self.assertAlmostEqual(sum(n[figure] for n in found["nodes"][1:]), total[figure], delta=1e-3)

    def test_a_view_of_what_is_true_changes_little(self):
        found = self.as_json("--probability", "ETH<0sd=0.5")
        total = found["nodes"][0]
        self.assertLess(abs(total["mean"] / total["run_mean"] - 1), 0.05)
        lower = self.as_json("--probability", "ETH<0sd=0.9")["nodes"][0]
        self.assertGreater(lower["mean"], total["mean"])

    def test_a_file_says_the_same(self):
        with open(self.path("views.toml"), "w") as file:
            file.write('propagate = true\nmean = { ETH = "-0.2sd" }\nvolatility = { RATE_1Y = 1.1 }\n[probability]\n"CRE<-5%" = 0.4\n')
        from_file = self.as_json("--views", self.path("views.toml"))
        direct = self.as_json("--mean", "ETH=-0.2sd", "--volatility", "RATE_1Y=1.1", "--probability", "CRE<-5%=0.4", "--propagate")
        self.assertEqual(from_file["nodes"], direct["nodes"])
        self.assertEqual(len(from_file["views"]), 3)

    def test_what_cannot_be_said(self):
        self.reweight("--mean", "ETH=-3sd", "--propagate", code=64, says=["the view is too far from the run", "below 100", "a milder view"])
        self.reweight("--mean", "ETH=-2.5sd", code=64, says=["--propagate"])
        self.reweight("--volatility", "ETH=1.5", code=64, says=["1.41 times"])
        self.reweight("--mean", "ETH=1e6", code=64, says=["no weights of the scenarios meet the views"])
        self.reweight("--mean", "ETHER=-1sd", "--mean", "ETH=low", code=64, says=["names no factor or driver of the job", "ends with no number"])
        self.reweight("--mean", "ETH=0sd", code=64, says=["change nothing"])
        self.reweight(code=64)
        self.reweight("--views", self.path("nowhere.toml"), code=66)
        with open(self.path("bad.toml"), "w") as file:
            file.write("means = { ETH = 1 }\n")
        self.reweight("--views", self.path("bad.toml"), code=65, says=["none of mean, volatility, probability"])
        # A tail of few effective scenarios is not given; the mean is.
        with_few = self.reweight("--mean", "ETH=1.2sd", "--propagate", says=["n/a", "fewer than 30"])
        self.assertIn("mean", with_few)


main()
