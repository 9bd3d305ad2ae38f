"""What docs/tutorial.md shows is what the program prints: its commands are run again and compared line by line.

In a `console` block each line that begins with "$ " is a command, the lines below it what it prints; "..." stands for anything,
within a line or, alone on one, for any lines. A `python` block is run; the `text` block after it is what it prints.
"""
import os
import re
import subprocess
import sys

from common import MPI_ENVIRONMENT, PROGRAM, ROOT, Case, main

try:
    import h5py  # noqa: F401  the tutorial reads cubes with it
except ImportError:
    print("python3-h5py is missing: skipped")
    sys.exit(77)

TUTORIAL = os.path.join(ROOT, "docs", "tutorial.md")


def blocks(text):
    """(language, first line, content) of each fenced block."""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        yield found[1], text.count("\n", 0, found.start(2)) + 1, found[2]


def steps(text):
    """(line, shell command or None, program of Python or None, what it prints)."""
    waiting = None
    for language, line, content in blocks(text):
        if language == "console":
            for part in re.split(r"^\$ ", content, flags=re.M)[1:]:
                command, _, printed = part.partition("\n")
                yield line, command, None, printed
        elif language == "python":
            waiting = content
        elif language == "text" and waiting:
            yield line, None, waiting, content
            waiting = None


def pattern(printed):
    """A regular expression of the lines, with "..." for anything."""
    lines = []
    for line in printed.rstrip("\n").split("\n"):
        lines.append(r"(?:.*\n)*?" if line.strip() == "..." else ".*?".join(map(re.escape, line.rstrip().split("..."))) + r" *\n")
    return re.compile("".join(lines))


class Tutorial(Case):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("build", "release"))
        os.symlink(PROGRAM, self.path("build", "release", "tailcube"))
        os.symlink(os.path.join(ROOT, "jobs"), self.path("jobs"))

    def output(self, command, program):
        words = ["bash", "-c", command] if command else [sys.executable, "-c", program]
        done = subprocess.run(words, cwd=self.folder, env=os.environ | MPI_ENVIRONMENT, text=True, timeout=280,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, f"{command or program}\n{done.stdout}")
        return done.stdout

    def test_commands(self):
        with open(TUTORIAL) as file:
            todo = list(steps(file.read()))
        self.assertGreater(len(todo), 3)
        for line, command, program, printed in todo:
            shown = self.output(command, program)
            with self.subTest(line=line, command=command):
                if printed.strip() and not pattern(printed).fullmatch(shown.rstrip("\n") + "\n"):
                    self.fail(f"docs/tutorial.md, block at line {line}: shown\n{printed}\nbut printed\n{shown}")


if __name__ == "__main__":
    main()
