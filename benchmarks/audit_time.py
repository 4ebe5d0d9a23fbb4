"""Time and memory of a whole audit, beside merely decoding its files in one process.

python benchmarks/audit_time.py ROOT [--workers 2] [--face-model FILE]

The budget is 5 minutes on 2 cores for ciplab384 (1,733 images of 384 pixels). CPU seconds are those of all processes:
on a machine that others use too, they say more than the clock.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from dfdetect.data.decode import decode
from dfdetect.data.samples import load_samples
from dfdetect.main import main as dfdetect


def cpu_seconds() -> float:
    """User and system time of this process and of those it waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main() -> None:
    """Decode all files, then audit them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--face-model", type=Path)
    options = parser.parse_args()
    samples = load_samples(options.root)
    start = time.perf_counter()
    for index in range(len(samples)):
        decode(samples.file(index))
    decoding = time.perf_counter() - start
    faces = [f"--face-model={options.face_model}"] if options.face_model else []
    start, before = time.perf_counter(), cpu_seconds()
    with tempfile.TemporaryDirectory() as out:
        code = dfdetect(["audit", str(options.root), f"--out={out}", f"--workers={options.workers}", *faces])
    wall, cpu = time.perf_counter() - start, cpu_seconds() - before
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {
        "images": len(samples),
        "decoding_s": round(decoding, 1),
        "audit_s": round(wall, 1),
        "audit_cpu_s": round(cpu, 1),
        "audit_cpu_ms_per_image": round(1000 * cpu / len(samples), 1),
        "peak_mib": round(peaks[0]),
        "peak_mib_of_a_worker": round(peaks[1]),
        "exit_code": code,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
