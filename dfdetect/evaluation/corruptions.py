"""What happens to a photo on its way to a detector, as pure functions of its pixels.

Each corruption takes one number, its severity. It is applied to the picture at its own size, before it is resized for
the network, since that is where saving, scaling and sharing happen. The idea of curves over named corruptions and
graded severities is that of Hendrycks and Dietterich, *Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations*, ICLR 2019; the corruptions here are those that shared photos meet.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.errors import UsageError

Pixels = npt.NDArray[np.uint8]
Variant = tuple[str, float]
"""Name of a corruption and its severity."""

SHARED_QUALITY = 75
"""JPEG quality of each upload in the `shared` chain: what libjpeg takes where a program does not ask for another."""


@dataclass(frozen=True)
class Corruption:
    """One way to change a picture.

    Attributes:
        change: (pixels (H, W, 3) RGB uint8, severity, random generator) to RGB uint8 pixels.
        measured_in: in words, what the severity is.
        low: least severity.
        high: largest severity.
        identity: the severity that changes nothing, where the curve begins; infinite where there is none.
        whole: whether only whole numbers make sense.
    """

    change: Callable[[Pixels, float, np.random.Generator], Pixels]
    measured_in: str
    low: float
    high: float
    identity: float
    whole: bool = False


def corrupt(image: Pixels, variant: Variant, seed: int = 0, path: str = "") -> Pixels:
    """Apply one corruption; the result is a function of the arguments alone, on every machine and in every order.

    Args:
        image: (H, W, 3) RGB uint8, of any size; it is left as it is.
        variant: name in `CORRUPTIONS` and severity within its bounds.
        seed: another seed, other noise.
        path: names the image, so that no two images get the same noise.

    Returns:
        (H', W', 3) RGB uint8, C-contiguous; another size after `crop` and `shared`.
    """
    name, severity = variant
    key = hashlib.blake2b(f"{seed}\0{path}\0{name}\0{severity:g}".encode(), digest_size=8).digest()
    generator = np.random.default_rng(int.from_bytes(key, "big"))
    return np.ascontiguousarray(CORRUPTIONS[name].change(image, severity, generator))


def variants_of(wanted: Mapping[str, Sequence[float]]) -> list[Variant]:
    """Check names and severities, and put each corruption's severities in order from mild to strong.

    A corruption that goes both ways from its identity, as brightness does, keeps the order of the numbers.

    Raises:
        UsageError: an unknown name, a severity out of its bounds, or nothing at all.
    """
    variants = [(name, severity) for name, severities in wanted.items() for severity in _in_order(name, severities)]
    if not variants:
        raise UsageError(f"robustness.corruptions names nothing; there are: {', '.join(CORRUPTIONS)}")
    return variants


def _in_order(name: str, severities: Sequence[float]) -> list[float]:
    corruption = CORRUPTIONS.get(name)
    if corruption is None:
        raise UsageError(f"robustness.corruptions: no corruption {name!r}; there are: {', '.join(CORRUPTIONS)}")
    for severity in severities:
        bad = not corruption.low <= severity <= corruption.high or severity == corruption.identity
        if bad or (corruption.whole and severity != int(severity)):
            raise UsageError(
                f"robustness.corruptions: {name} takes {corruption.measured_in}, {'whole, ' * corruption.whole}from "
                f"{corruption.low:g} to {corruption.high:g}"
                f"{f' but {corruption.identity:g}' * math.isfinite(corruption.identity)}, not {severity:g}"
            )
    falls = all(severity < corruption.identity for severity in severities)
    return sorted(set(severities), reverse=falls)


def _encoded(image: Pixels, ending: str, option: int, quality: float) -> Pixels:
    """Save and read again; OpenCV's encoders halve the resolution of colour (4:2:0), as messengers do."""
    data = cv2.imencode(ending, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [option, int(quality)])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError(f"OpenCV cannot read the {ending} that it wrote")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _jpeg(image: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    return _encoded(image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


def _webp(image: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    return _encoded(image, ".webp", cv2.IMWRITE_WEBP_QUALITY, quality)


def _shrunk(image: Pixels, factor: float) -> Pixels:
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _scale(image: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    small = _shrunk(image, factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _blur(image: Pixels, percent: float, _: np.random.Generator) -> Pixels:
    deviation = percent / 100 * min(image.shape[:2])
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(deviation, 1e-3)), np.uint8)


def _noise(image: Pixels, deviation: float, generator: np.random.Generator) -> Pixels:
    noise = generator.standard_normal(image.shape, np.float32)
    return _to_uint8(image + np.float32(deviation) * noise)


def _brightness(image: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    return _to_uint8(image * np.float32(factor))


def _contrast(image: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    middle = np.float32(image.mean())
    return _to_uint8(middle + (image - middle) * np.float32(factor))


def _crop(image: Pixels, share: float, _: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    rows, columns = max(1, round(height * (1 - share))), max(1, round(width * (1 - share)))
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def _shared(image: Pixels, factor: float, generator: np.random.Generator) -> Pixels:
    for _ in range(2):
        image = _jpeg(_shrunk(image, factor), SHARED_QUALITY, generator)
    return image


def _to_uint8(values: npt.NDArray[np.float32]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


CORRUPTIONS = {
    "jpeg": Corruption(_jpeg, "JPEG quality", 1, 100, math.inf, whole=True),
    "webp": Corruption(_webp, "WebP quality", 1, 100, math.inf, whole=True),
    "scale": Corruption(_scale, "the size it is scaled down to and up from", 0.01, 1.0, 1.0),
    "blur": Corruption(_blur, "Gaussian blur in % of the shorter side", 0.0, 20.0, 0.0),
    "noise": Corruption(_noise, "Gaussian noise in grey levels of 255", 0.0, 255.0, 0.0),
    "brightness": Corruption(_brightness, "brightness factor", 0.0, 10.0, 1.0),
    "contrast": Corruption(_contrast, "contrast factor", 0.0, 10.0, 1.0),
    "crop": Corruption(_crop, "share of width and of height cut off at the edges", 0.0, 0.95, 0.0),
    "shared": Corruption(_shared, f"scaled to this size and JPEG {SHARED_QUALITY}, twice", 0.01, 1.0, math.inf),
}
"""All corruptions by name."""

DEFAULT_CORRUPTIONS: dict[str, list[float]] = {
    "jpeg": [95, 85, 70, 50, 30],
    "webp": [90, 70, 50, 30],
    "scale": [0.75, 0.5, 0.35, 0.25],
    "blur": [0.25, 0.5, 1.0, 2.0],
    "noise": [2, 5, 10, 20],
    "brightness": [0.5, 0.75, 1.25, 1.5],
    "contrast": [0.5, 0.75, 1.25, 1.5],
    "crop": [0.05, 0.1, 0.2, 0.3],
    "shared": [1.0, 0.75, 0.5],
}
"""What `dfdetect test --robustness` tries unless it is told otherwise; `configs/robustness.yaml` says the same."""
