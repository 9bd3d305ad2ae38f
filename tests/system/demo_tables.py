"""The committed tables of the demo are what its script makes."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(ROOT, "jobs", "demo")

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, os.path.join(DEMO, "make_book.py"), folder], check=True)
    made, there = sorted(os.listdir(folder)), sorted(name for name in os.listdir(DEMO) if name.endswith(".csv"))
    different = [name for name in made if open(os.path.join(folder, name)).read() != open(os.path.join(DEMO, name)).read()]
if made != there or different:
    sys.exit(f"make_book.py makes {made}, the demo has {there}; they differ in {different}: run jobs/demo/make_book.py and commit")
