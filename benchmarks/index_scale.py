"""Index and split 10,000, 100,000 and 1,000,000 files, from folders and from a manifest, beside merely listing them.

python benchmarks/index_scale.py [--sizes 10000 100000 1000000] [--work DIR]

The files are empty: nothing is decoded. `after_listing_s` is everything but the directory walk: table, split,
fingerprint and split.csv. Each measurement is a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dfdetect.data.samples import load_samples
from dfdetect.data.splits import assign_parts, fingerprint, write_split


def make_files(root: Path, count: int) -> None:
    """`count` empty files, half of them fake, 1,000 to a folder, and a manifest with groups that names them."""
    with open(root.with_suffix(".csv"), "w") as manifest:
        manifest.write("path,label,group,source\n")
        for number in range(count):
            label = ("real", "fake")[number % 2]
            folder = root / label / f"part{number // 2 // 1000:04d}"
            if number // 2 % 1000 == 0:
                folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"photo_{number:07d}.jpg"
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY))
            manifest.write(f"{file},{label},video{number // 20},camera{number % 7}\n")


def measure(what: str, root: Path) -> dict[str, float]:
    """Index and split one data set in this process."""
    start = time.perf_counter()
    listed = sum(len(files) for _, _, files in os.walk(root)) if what == "folders" else 0
    listing = time.perf_counter() - start
    start = time.perf_counter()
    samples = load_samples(root if what == "folders" else root.with_suffix(".csv"))
    parts = assign_parts(samples, seed=0)
    fingerprint(samples, parts)
    write_split(root.parent / "split.csv", samples, parts)
    total = time.perf_counter() - start
    assert what == "manifest" or listed == len(samples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "files": len(samples),
        "listing_s": round(listing, 2),
        "total_s": round(total, 2),
        "after_listing_s": round(total - listing, 2),
        "peak_mib": round(peak),
    }


def main() -> None:
    """Make the files, then measure each size in its own process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "ROOT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.work) as work:
            root = Path(work) / "photos"
            make_files(root, size)
            for what in ("folders", "manifest"):
                command = [sys.executable, __file__, "--measure", what, str(root)]
                answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                print(json.dumps({"from": what, **json.loads(answer)}), flush=True)


if __name__ == "__main__":
    main()
