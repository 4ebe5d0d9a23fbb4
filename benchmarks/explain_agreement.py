"""How exported heatmaps agree with Grad-CAM of the logit margin, taken from the checkpoint they were exported from.

Grad-CAM is the grad-cam library's, before its ReLU: gradients averaged over the map, weights times activations, signed.
Compared is each picture's map by Pearson's correlation over its cells.

    python benchmarks/explain_agreement.py --ckpt RUN/checkpoints/best.ckpt --images $DFDETECT_DATA/ciplab384 \
        --models export/*.onnx export/*.xml export/*.tflite
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.samples import load_samples
from dfdetect.deploy.export.convert import correlation
from dfdetect.deploy.runtime import Detector
from dfdetect.explain.gradients import GradientExplainer
from dfdetect.explain.maps import cam

Floats = npt.NDArray[np.float32]


def main() -> None:
    """Print a table: one line a model file."""
    options = _options()
    wanted: Floats | None = None
    explain = GradientExplainer.load(options.ckpt, "gradcam")
    print(f"{options.n} images of {options.images.name}, drawn with seed {options.seed}")
    print("| file | correlation: median | 5% | minimum | largest difference, logits | of p_fake |")
    print("|---|---|---|---|---|---|")
    for file in options.models:
        detector = Detector.load(file, threads=1)
        batch = _pictures(detector, options.images, options.n, options.seed)
        if wanted is None:
            found = [explain(batch[start : start + 10]) for start in range(0, len(batch), 10)]
            wanted = np.concatenate([one.values for one in found])
            p_fake = np.concatenate([one.p_fake for one in found])
        maps = [cam(detector)(batch[start : start + 10]) for start in range(0, len(batch), 10)]
        values = np.concatenate([one.values for one in maps])
        scores = np.concatenate([one.p_fake for one in maps])
        correlations = correlation(values, wanted)
        print(
            f"| {file.name} | {np.median(correlations):.5f} | {np.percentile(correlations, 5):.5f} "
            f"| {correlations.min():.5f} | {np.abs(values - wanted).max():.2g} | {np.abs(scores - p_fake).max():.2g} |"
        )


def _pictures(detector: Detector, root: Path, n: int, seed: int) -> npt.NDArray[np.uint8]:
    samples = load_samples(str(root))
    rows = np.sort(np.random.default_rng(seed).choice(len(samples), n, replace=False)).tolist()
    return np.stack([detector.whole.load(row, samples.file(row)) for row in rows])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ckpt", type=Path, required=True)
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--images", type=Path, required=True, help="a data root")
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
