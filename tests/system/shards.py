"""A job in parts: shards and smaller runs add up to the same bytes as one run, or are refused by name."""
import os
import random
import unittest

from common import HAS_MPI, TINY, Case, main, read, tailcube

JOB = os.path.join(TINY, "job.toml")
# Shards of this many scenarios have unequal sizes, and the last block is cut short.
SMALL = ("--set", "run.scenarios=1_000")
LARGE = ("--set", "run.scenarios=4_000")
BINNED = ("--set", "cube.tail=binned")


class Parts(Case):
    def shard(self, k, n, *arguments, output="parts", job=JOB, **more):
        self.run_ok("run", job, "-o", self.path(output), "--shard", f"{k}/{n}", "-q", *arguments, **more)
        return self.path(output, f"shard-{k:04}-of-{n:04}.tally")

    def merged(self, *arguments, output="merged"):
        self.run_ok("merge", JOB, "-o", self.path(output), "-q", *arguments)
        return read(self.path(output, "cube.h5"))

    def refused(self, *arguments, code=65, output="refused"):
        """The lines about what is wrong; nothing may be left behind."""
        result = tailcube("merge", JOB, "-o", self.path(output), "-q", *arguments)
        self.assertEqual(result.code, code, result.err)
        self.assertFalse(os.path.exists(self.path(output, "cube.h5")))
        return [line for line in result.err.splitlines() if not line.startswith("warning:")]


class Shards(Parts):
    def check_five(self, *settings):
        expected = self.cube(*SMALL, *settings, output="one")
        ways = [("--threads", 1), ("--threads", 3), ("--threads", 1, "--memory", "82M"), ("--threads", 2), ("--threads", 1)]
        files = []
        for k in (3, 5, 1, 4, 2):
            ranks = 2 if k == 4 and HAS_MPI else 1
            files.append(self.shard(k, 5, *SMALL, *settings, *ways[k - 1], ranks=ranks))
        self.assertTrue(self.merged(*SMALL, *settings, *files) == expected, "another cube")
        self.assertEqual(self.record("merged")["status"], "complete")
        # The folder of the shards: as input, as output, with little memory.
        self.assertTrue(self.merged(*SMALL, *settings, self.path("parts"), "--memory", "96M", output="parts") == expected,
                        "another cube")
        self.assertEqual([name for name in os.listdir(self.path("parts")) if name.endswith(".part") or "checkpoint" in name], [])
        self.assertEqual(len(os.listdir(self.path("parts"))), 5 * 3 + 3)

    def test_exact_tails(self):
        self.check_five()

    def test_binned_tails(self):
        self.check_five(*BINNED)

    def test_a_shard_that_is_there_is_not_evaluated_again(self):
        file = self.shard(2, 5, *SMALL)
        before = os.stat(file)
        result = self.run_ok("run", JOB, "-o", self.path("parts"), "--shard", "2/5", *SMALL)
        self.assertIn("is complete", result.err)
        self.assertEqual((os.stat(file).st_mtime_ns, os.stat(file).st_ino), (before.st_mtime_ns, before.st_ino))
        other = tailcube("run", JOB, "-o", self.path("parts"), "--shard", "2/5", *SMALL, "--set", "run.seed=8", "-q")
        self.assertEqual(other.code, 74, other.err)
        self.assertIn("belongs to another job: seed 7, not 8", other.err)
        with open(file, "r+b") as damaged:
            damaged.truncate(os.path.getsize(file) - 5)
        result = self.run_ok("run", JOB, "-o", self.path("parts"), "--shard", "2/5", *SMALL)
        self.assertIn("is cut off", result.err)
        self.run_ok("info", file)

    def test_what_the_command_line_cannot_mean(self):
        for shard in ("0/5", "6/5", "2", "2/5x", "-1/5"):
            self.assertEqual(tailcube("run", JOB, "-o", self.path("x"), "--shard", shard).code, 64)
        result = tailcube("run", JOB, "-o", self.path("x"), "-q", *SMALL, "--shard", "1/100")
        self.assertEqual(result.code, 65)
        self.assertIn("fewer blocks of 64 scenarios than shards", result.err)

    def test_info(self):
        out = self.run_ok("info", self.shard(2, 5, *SMALL)).out
        self.assertIn("shard      2 of 5", out)
        self.assertIn("scenarios  192-383 (192 of 1,000)", out)
        self.assertIn("5 stress cells", out)
        self.assertIn("exact tail", out)


class Refusals(Parts):
    def test_all_that_is_wrong_at_once(self):
        files = {k: self.shard(k, 5, *SMALL) for k in (1, 2, 4)}
        half = self.shard(1, 2, *SMALL, output="half")
        seed = self.shard(3, 5, *SMALL, "--set", "run.seed=8", output="seed")
        tail = self.shard(3, 5, *SMALL, *BINNED, output="tail")
        levels = self.shard(3, 5, *SMALL, "--set", "time.report=[2,4]", output="levels")
        more = self.shard(5, 5, *LARGE, output="more")
        damaged = self.path("damaged.tally")
        whole = read(files[2])
        with open(damaged, "wb") as file:
            file.write(whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1:])
        cut = self.path("cut.tally")
        with open(cut, "wb") as file:
            file.write(whole[:1000])
        lines = self.refused(*SMALL, files[1], damaged, files[4], half, seed, tail, levels, more, cut, self.path("nowhere.tally"),
                             TINY, code=66)
        found = "\n".join(lines)
        for part in (f"{TINY}: has no shard-*.tally", f"{self.path('nowhere.tally')}: cannot be read", f"{cut}: is cut off",
                     f"{seed}: belongs to another job: seed 8, not 7", f"{tail}: belongs to another job: tallies with binned tail",
                     f"{levels}: belongs to another job: the job or one of its tables, digest",
                     f"{more}: holds scenarios up to 3999, the job has 1000",
                     f"{files[1]} and {half} both hold scenarios 0-191", f"{damaged} and {half} both hold scenarios 192-383",
                     f"{damaged}: stress cell ", "shard 3 of 5 is missing: scenarios 512-575",
                     "shard 5 of 5 is missing: scenarios 768-999"):
            self.assertIn(part, found)
        self.assertEqual(len(lines), 12, found)
        self.assertFalse(os.path.exists(self.path("refused")), "nothing may be made for files that are refused")

    def test_a_damaged_cell_is_found_before_anything_is_written(self):
        files = [self.shard(k, 2, *SMALL) for k in (1, 2)]
        whole, last = bytearray(read(files[1])), random.Random(3)
        whole[len(whole) * 3 // 4] ^= 1 << last.randrange(8)
        with open(files[1], "wb") as file:
            file.write(whole)
        lines = self.refused(*SMALL, *files, "--keep-tally")
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].endswith("checksum differs") or "checksum" in lines[0], lines)
        self.assertEqual(self.record("refused")["status"], "failed")
        self.assertEqual(sorted(os.listdir(self.path("refused"))), ["run.json", "run.log"])

    def test_too_little_memory_and_a_cube_that_is_there(self):
        file = self.shard(1, 1, *SMALL)
        self.assertIn("--memory allows", "\n".join(self.refused(*SMALL, file, "--memory", "10M")))
        expected = self.merged(*SMALL, file)
        result = tailcube("merge", JOB, *SMALL, file, "-o", self.path("merged"), "-q")
        self.assertEqual(result.code, 74, result.err)
        self.assertIn("exists already", result.err)
        self.assertTrue(self.merged(*SMALL, file, "--overwrite") == expected)

    def test_a_part_cannot_leave_positions_out(self):
        job = self.job(edit=[("seed = 7", 'seed = 7\nfaults = "quarantine"')])
        with open(os.path.join(os.path.dirname(job), "bonds.csv")) as file:
            lines = file.read().splitlines()
        column = lines[0].split(",").index("coupon")
        cells = lines[1].split(",")
        good = self.run_ok("run", job, "-o", self.path("good"), "--shard", "1/2", "-q", *SMALL)  # nothing to leave out
        self.assertEqual(good.code, 0)
        spread = lines[0].split(",").index("spread")
        cells[column], cells[spread] = "-1", ""
        lines[1] = ",".join(cells)
        with open(os.path.join(os.path.dirname(job), "bonds.csv"), "w") as file:
            file.write("\n".join(lines) + "\n")
        result = tailcube("run", job, "-o", self.path("bad"), "--shard", "1/2", "-q", *SMALL)
        self.assertEqual(result.code, 65, result.err)
        self.assertIn("run the job whole", result.err)
        self.assertEqual([name for name in os.listdir(self.path("bad")) if "tally" in name], [])
        self.run_ok("run", job, "-o", self.path("kept"), "--keep-tally", "-q", *SMALL)
        result = tailcube("run", job, "-o", self.path("more"), "--extend", self.path("kept", "cube.tally"), "-q", *LARGE)
        self.assertEqual(result.code, 65, result.err)
        self.assertIn("positions were left out of it", result.err)


class Extension(Parts):
    def check_extended(self, *settings):
        expected = self.cube(*LARGE, *settings, output="fresh")
        small = self.cube(*SMALL, *settings, "--keep-tally", output="small")
        self.assertTrue(self.cube(*SMALL, *settings, output="plain") == small, "keeping the tallies may not change the cube")
        base = self.path("small", "cube.tally")
        # Twice in a row, on two ranks, and by shards.
        middle = self.cube("--set", "run.scenarios=2_500", *settings, "--extend", base, "--keep-tally", output="middle")
        self.assertTrue(middle == self.cube("--set", "run.scenarios=2_500", *settings, output="middle_fresh"), "another cube")
        self.assertTrue(self.cube(*LARGE, *settings, "--extend", self.path("middle", "cube.tally"), "--memory", "96M",
                                  output="twice") == expected, "another cube")
        if HAS_MPI:
            self.assertTrue(self.cube(*LARGE, *settings, "--extend", base, "--threads", 1, ranks=2, output="ranks") == expected,
                            "another cube")
        files = [self.shard(k, 3, *LARGE, *settings, "--extend", base, output="parts") for k in (2, 1, 3)]
        self.assertTrue(self.merged(*LARGE, *settings, "--keep-tally", base, *files) == expected, "another cube")
        lines = self.refused(*LARGE, *settings, base, files[0], files[2])
        self.assertEqual(lines, ["shard 1 of 3 is missing: scenarios 1000-1983"])
        # What a merge keeps is as good as what a run keeps.
        again = ("--set", "run.scenarios=4_100", *settings)
        self.assertTrue(self.cube(*again, "--extend", self.path("merged", "cube.tally"), output="again") ==
                        self.cube(*again, output="again_fresh"), "another cube")

    def test_exact_tails(self):
        self.check_extended()

    def test_binned_tails(self):
        self.check_extended(*BINNED)

    def test_what_cannot_be_extended(self):
        self.cube(*SMALL, "--keep-tally", output="small")
        base = self.path("small", "cube.tally")

        def refused(*arguments, file=base, code=65):
            result = tailcube("run", JOB, "-o", self.path("more"), "-q", "--extend", file, *arguments)
            self.assertEqual(result.code, code, result.err)
            self.assertFalse(os.path.exists(self.path("more")))
            return result.err
        self.assertIn("seed 7, not 9", refused(*LARGE, "--set", "run.seed=9"))
        self.assertIn("tallies with exact tail", refused(*LARGE, *BINNED))
        self.assertIn("the job or one of its tables", refused(*LARGE, "--set", "time.report=[2,4]"))
        self.assertIn("tallies with exact tail from 9/10", refused(*LARGE, "--set", "cube.confidence=[0.8,0.99]"))
        self.assertIn("holds all 1000 scenarios", refused(*SMALL))
        self.assertIn("holds scenarios up to 999, the job has", refused("--set", "run.scenarios=500", "--shard", "1/2") +
                      "\n".join(self.refused("--set", "run.scenarios=500", base)))
        self.assertIn("no such file", refused(*LARGE, file=self.path("nowhere"), code=66))
        damaged = self.path("damaged.tally")
        whole = bytearray(read(base))
        whole[len(whole) // 2] ^= 4
        with open(damaged, "wb") as file:
            file.write(whole)
        self.assertIn("stress cell", refused(*LARGE, file=damaged))


main()
