"""How long `dfdetect --help` takes, beside importing LightningCLI, which most tools of this kind do for it.

python benchmarks/startup.py [--runs 7]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

OURS = [sys.executable, "-m", "dfdetect", "--help"]
BASELINE = [sys.executable, "-c", "from lightning.pytorch.cli import LightningCLI"]


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Alternate both commands and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    pairs = [(seconds(OURS), seconds(BASELINE)) for _ in range(runs + 1)][1:]  # the first pair warms the disk cache
    ours, baseline = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        json.dumps(
            {"help_s": round(ours, 3), "import_lightning_cli_s": round(baseline, 3), "ratio": round(baseline / ours, 1)}
        )
    )


if __name__ == "__main__":
    main()
