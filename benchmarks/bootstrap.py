"""Seconds for 95% intervals of all metrics: our weighted bootstrap against scikit-learn called once a resample.

python benchmarks/bootstrap.py [--samples 100000] [--resamples 1000]

The baseline measures AUROC alone, on a few resamples, and is scaled up. `evaluate_s` is all that `dfdetect test` has
computed of as many predictions from four sources (one of reals, three of fakes): metrics, intervals, each source, the
worst of them.
"""

import argparse
import json
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.intervals import group_bootstrap
from dfdetect.evaluation.metrics import Floats, Labels, ScoreTable
from dfdetect.process import prepare_process

BASELINE_RESAMPLES = 20


def from_four_sources(label: Labels, p_fake: Floats, group: Labels) -> Predictions:
    """Reals of one source, fakes of three."""
    source = np.where(label == 0, "photos", np.array(["swap", "gan", "edit"])[group % 3])
    paths = [f"{i:07}.jpg" for i in range(len(label))]
    return Predictions(paths, label, p_fake, [f"person{i}" for i in group.tolist()], source.tolist())


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
    predictions = from_four_sources(label, p_fake, group)
    start = time.perf_counter()
    evaluate(predictions, threshold=0.45, resamples=options.resamples, temperature=1.5)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(BASELINE_RESAMPLES):
        drawn = generator.integers(0, options.samples, options.samples)
        roc_auc_score(label[drawn], p_fake[drawn])
    theirs = (time.perf_counter() - start) / BASELINE_RESAMPLES * options.resamples
    result = {"seconds": round(ours, 1), "metrics": len(intervals), "evaluate_s": round(whole, 1)}
    result |= {"baseline_auroc_alone_s": round(theirs, 1)}
    print(json.dumps(result | {"ratio": round(theirs / ours, 1)}))


if __name__ == "__main__":
    main()
