"""Seconds for 95% intervals of all metrics: our weighted bootstrap against scikit-learn called once a resample.

python benchmarks/bootstrap.py [--samples 100000] [--resamples 1000]

The baseline measures AUROC alone, on a few resamples, and is scaled up.
"""

import argparse
import json
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from dfdetect.evaluation.intervals import group_bootstrap
from dfdetect.evaluation.metrics import ScoreTable
from dfdetect.process import prepare_process

BASELINE_RESAMPLES = 20


def main() -> None:
    """Print both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    prepare_process()  # as every command does
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, options.samples)
    p_fake = 1 / (1 + np.exp(-(generator.normal(size=options.samples) + label - 0.5)))
    group = generator.integers(0, options.samples // 3, options.samples)
    start = time.perf_counter()
    intervals = group_bootstrap(ScoreTable(label, p_fake), group, options.resamples)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(BASELINE_RESAMPLES):
        drawn = generator.integers(0, options.samples, options.samples)
        roc_auc_score(label[drawn], p_fake[drawn])
    theirs = (time.perf_counter() - start) / BASELINE_RESAMPLES * options.resamples
    result = {"seconds": round(ours, 1), "metrics": len(intervals), "baseline_auroc_alone_s": round(theirs, 1)}
    print(json.dumps(result | {"ratio": round(theirs / ours, 1)}))


if __name__ == "__main__":
    main()
