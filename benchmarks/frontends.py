"""What front-ends see, as a picture, and what they cost on top of MobileNetV2.

    python benchmarks/frontends.py picture --out docs/images/frontends.png
    python benchmarks/frontends.py codec
    python benchmarks/frontends.py time

The picture shows one drawn face as the camera took it, with a part of it enlarged from fewer pixels, and encoded as
JPEG. `codec` compares what both do to each front-end, in the part that was enlarged. Times are the processor's for one
picture on one thread, in PyTorch without gradients: detectors take turns, and of each the least time counts.
"""

import argparse
import time

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from dfdetect.data.encoding import reencode
from dfdetect.data.synthetic import draw_face
from dfdetect.models.backbones import get_backbone
from dfdetect.models.backbones_command import measure
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.frontends.registry import FRONTENDS, RGB, build_frontend

SIDE, SEED, INDEX, QUALITY, FACES = 224, 0, 7, 60, 40
SHOWN = {"srm": (-3, 3), "npr": (-2, 2), "phase": (-3, 3), "dct": (-0.9, 4), "spectrum": (-2.5, 5)}
"""Values shown as black and white."""
WARM_UP, ROUNDS = 3, 20


def draw(out: str) -> None:
    """Write the picture."""
    camera = draw_face(SEED, INDEX, size=SIDE).image
    enlarged = draw_face(SEED, INDEX, "upsampled", size=SIDE).image
    rows = {"real": camera, "fake: a part enlarged": enlarged, f"real, JPEG {QUALITY}": reencode(camera, QUALITY)}
    figure = Figure(figsize=(2 * len(FRONTENDS), 2.1 * len(rows)), layout="constrained")
    for axes, (title, image) in zip(figure.subplots(len(rows), len(FRONTENDS)), rows.items(), strict=True):
        axes[0].set_ylabel(title)
        for axis, name in zip(axes, FRONTENDS, strict=True):
            axis.imshow(image if name == RGB else seen(name, image), cmap="gray", vmin=0, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
            if image is camera:
                axis.set_title(name)
    figure.savefig(out, dpi=80)


def seen(name: str, image: np.ndarray) -> np.ndarray:
    """What a front-end makes of (H, W, 3), in [0, 1]: (H, W, 3), or (H, W) of one channel."""
    low, high = SHOWN[name]
    shown: np.ndarray = np.clip((channels(name, image) - low) / (high - low), 0, 1).transpose(1, 2, 0).squeeze()
    return shown


def channels(name: str, image: np.ndarray) -> np.ndarray:
    """What a front-end gives the backbone for (H, W, 3): (channels, H, W)."""
    frontend = build_frontend(name, *get_backbone("mobilenet_v2").normalisation())
    given: np.ndarray = frontend(torch.from_numpy(image.transpose(2, 0, 1).copy())[None])[0].numpy()
    return given


def compare_codec() -> None:
    """Print how far each front-end moves when a part is enlarged, and when the untouched face is saved as JPEG."""
    moved = {name: np.array([_moves(name, index) for index in range(FACES)]) for name in FRONTENDS}
    print(f"| front-end | a part enlarged | JPEG {QUALITY} | ratio |\n|---|---|---|---|")
    for name, both in moved.items():
        enlarged, saved = np.median(both, axis=0)
        print(f"| {name} | {enlarged:.3f} | {saved:.3f} | {np.median(both[:, 1] / both[:, 0]):.2f} |")
    print(f"Mean absolute changes in the part that was enlarged; medians over {FACES} faces at {SIDE} pixels.")


def _moves(name: str, index: int) -> list[float]:
    """Mean absolute change by the forgery and by the codec, within the forged part."""
    forged = draw_face(SEED, index, "upsampled", size=SIDE)
    camera = draw_face(SEED, index, size=SIDE).image
    plain, enlarged, saved = (channels(name, image) for image in (camera, forged.image, reencode(camera, QUALITY)))
    return [float(np.abs(one - plain)[:, forged.mask].mean()) for one in (enlarged, saved)]


def compare() -> None:
    """Print the table of costs."""
    torch.set_num_threads(1)
    names = [RGB, *(f"{RGB}+{name}" for name in FRONTENDS if name != RGB)]
    detectors = {name: DeepfakeDetector("mobilenet_v2", name, weights="none").eval() for name in names}
    pixels = torch.randint(0, 256, (1, 3, SIDE, SIDE), dtype=torch.uint8)
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(WARM_UP + ROUNDS):
        for name, detector in detectors.items():
            times[name].append(milliseconds(detector, pixels))
    least = {name: min(own[WARM_UP:]) for name, own in times.items()}
    print("| model.frontend | ms | on top of rgb | GFLOPs |\n|---|---|---|---|")
    for name, own in least.items():
        print(f"| {name} | {own:.1f} | {own - least[RGB]:+.1f} | {measure('mobilenet_v2', name)['flops'] / 1e9:.2f} |")


def milliseconds(detector: DeepfakeDetector, pixels: Tensor) -> float:
    """Processor time of one pass."""
    with torch.inference_mode():
        start = time.process_time()
        detector(pixels)
        return 1000 * (time.process_time() - start)


def main() -> int:
    """Run one of them; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("picture").add_argument("--out", required=True)
    commands.add_parser("codec")
    commands.add_parser("time")
    options = parser.parse_args()
    if options.command == "picture":
        draw(options.out)
    elif options.command == "codec":
        compare_codec()
    else:
        compare()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
