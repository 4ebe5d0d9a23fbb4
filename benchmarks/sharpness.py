"""How sharp are the faces of a collection, and from which blur on is one called blurred?

    python benchmarks/sharpness.py --face-model yunet.onnx $DFDETECT_DATA/ciplab384 $DFDETECT_DATA/dfdc224

Of each folder, photos drawn by chance; the largest face of each, if it is large enough, as it is and after Gaussian
blurs whose standard deviation is a share of the face's side.
"""

import argparse
import os
import sys

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.decode import decode
from dfdetect.data.samples import list_images
from dfdetect.data.yunet import search
from dfdetect.deploy.faces import LEAST_SHARPNESS, LEAST_SIDE, sharpness

BLURS = (0.0, 0.01, 0.02, 0.03)


def measured(path: str, model: str) -> list[float] | None:
    """Sharpness of the largest face under each blur; None without a face that is large enough and in the picture."""
    image = decode(path)
    found = search(image, model)
    if not found or found[0].side < LEAST_SIDE:
        return None
    face = found[0]
    left, top = max(0, int(face.left)), max(0, int(face.top))
    box = image[top : int(face.top + face.height), left : int(face.left + face.width)]
    blurred = [box if share == 0 else cv2.GaussianBlur(box, (0, 0), share * face.side) for share in BLURS]
    return [sharpness(np.asarray(one, np.uint8)) for one in blurred]


def line(name: str, found: npt.NDArray[np.float64]) -> str:
    """A Markdown row of (n, blurs): for each blur the least, the median, and the share that is called blurred."""
    cells = [
        f"{values.min():.3f}, {np.median(values):.3f}, {(values < LEAST_SHARPNESS).mean():.0%}" for values in found.T
    ]
    return f"| {name} | {len(found)} | " + " | ".join(cells) + " |"


def main() -> int:
    """Print the table; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = os.environ.get("DFDETECT_FACE_MODEL")
    parser.add_argument("--face-model", default=named, required=named is None)
    parser.add_argument("--count", type=int, default=100, help="photos of each folder")
    parser.add_argument("folders", nargs="+")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    titles = [f"blur of {share:.0%}" if share else "as it is" for share in BLURS]
    print(f"least, median, below {LEAST_SHARPNESS}\n\n| faces of | n |", " | ".join(titles), "|")
    print("|---|---" + "|---" * len(BLURS) + "|")
    everything = []
    for folder in options.folders:
        files = list_images(folder)
        rows = np.sort(np.random.default_rng(0).choice(len(files), min(options.count, len(files)), replace=False))
        found = [one for one in (measured(files.file(i), options.face_model) for i in rows) if one is not None]
        everything += found
        print(line(folder, np.array(found)))
    print(line("all", np.array(everything)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
