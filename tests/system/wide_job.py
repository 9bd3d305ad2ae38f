"""Writes a job with many stress cells and many nodes, to see what a page makes of a large cube.

    python3 wide_job.py FOLDER [levels of each stress axis] [books] [pools altogether] [scenarios]

The defaults make 100 cells and 200 nodes.
"""
import os
import sys

JOB = """[run]
name = "wide"
seed = 11
scenarios = {scenarios}
currency = "USD"
[time]
step = "1Q"
steps = 4
report = [1, 2, 3, 4]
[files]
factors = "factors.csv"
correlation = "correlation.csv"
obligors = "obligors.csv"
positions.exposure = "exposures.csv"
positions.holding = "holdings.csv"
positions.vault = "vaults.csv"
[cube]
levels = ["book", "pool"]
confidence = [0.9, 0.95, 0.99]
[[stress_axis]]
name = "fund"
levels = [{funds}]
[[stress_axis]]
name = "coin"
levels = [{coins}]
"""
FACTORS = """id,kind,initial,drift,volatility,jump_rate,jump_mean,jump_volatility
FUND,lognormal,100,0,0.15,,,
COIN,lognormal,3000,0,0.7,2,-0.1,0.2
CREDIT,driver,,,,,,
"""
CORRELATION = "id,FUND,COIN,CREDIT\nFUND,1,0.3,0.4\nCOIN,0.3,1,0.1\nCREDIT,0.4,0.1,1\n"


def write(folder, levels=10, books=9, pools=190, scenarios=2000):
    """The pools are dealt to the books in turn. Returns the path of the job."""
    def axis(factor):
        steps = [1 - 0.06 * i for i in range(levels)]
        return ", ".join(f'{{ name = "{100 * (x - 1):.0f}%", shocks = [ {{ factor = "{factor}", multiply = {x:.2f} }} ] }}' for x in steps)
    os.makedirs(folder, exist_ok=True)
    tables = {"obligors": ["id,pd_1y,driver,asset_correlation,lgd"], "exposures": ["id,book,pool,obligor,ead"],
              "holdings": ["id,book,pool,factor,quantity"],
              "vaults": ["id,book,pool,collateral_factor,collateral_quantity,debt,borrow_rate,liquidation_threshold,bonus,fee,close_factor,side,monitoring"]}
    for pool in range(pools):
        place = f"book_{pool % books},pool_{pool:03}"
        for i in range(3):
            tables["obligors"].append(f"o{pool}_{i},{0.01 + 0.0002 * pool},CREDIT,0.2,0.5")
            tables["exposures"].append(f"e{pool}_{i},{place},o{pool}_{i},{1_000_000 + 7919 * pool + 31337 * i}")
        tables["holdings"].append(f"h{pool},{place},FUND,{2_000 + 97 * pool}")
        tables["vaults"].append(f"v{pool},{place},COIN,{100 + pool},{180_000 + 1_500 * pool},0.05,0.83,0.05,0.005,0.5,lender,step")
    files = {name + ".csv": "\n".join(rows) + "\n" for name, rows in tables.items()}
    files |= {"factors.csv": FACTORS, "correlation.csv": CORRELATION,
              "job.toml": JOB.format(scenarios=scenarios, funds=axis("FUND"), coins=axis("COIN"))}
    for name, text in files.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    return os.path.join(folder, "job.toml")


if __name__ == "__main__":
    numbers = [int(x) for x in sys.argv[2:]]
    print(write(sys.argv[1], *numbers))
