"""Global statistics of decoded pixels: colour, contrast, sharpness, noise, codec grid, borders.

None of them looks at a face. Some are honest traces of a forgery (a generator's missing fine detail), some only of how
the files were made; which of the two, no statistic can tell. The audit reports how far they give the class away.
"""

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]

MEANINGS = {
    "brightness": "mean luma, 0 to 255",
    "contrast": "standard deviation of luma",
    "red": "mean red above mean green",
    "blue": "mean blue above mean green",
    "saturation": "mean of highest less lowest channel",
    "dark": "share of pixels below 8",
    "bright": "share of pixels above 247",
    "sharpness": "log variance of the Laplacian",
    "noise": "noise standard deviation (Immerkaer, 1996)",
    "fine_detail": "detail of 1 pixel beside that of 4 pixels, log ratio",
    "colour_detail": "fine detail of colour beside that of luma, log ratio",
    "block_grid": "strongest step of an 8-pixel grid beside the median step",
    "checkerboard": "diagonal alternation beside plain steps",
    "direction": "horizontal beside vertical steps, log ratio",
    "border_top": "uniform border, share of the height",
    "border_right": "uniform border, share of the width",
    "border_bottom": "uniform border, share of the height",
    "border_left": "uniform border, share of the width",
}
"""What each statistic is."""
STATISTICS = tuple(MEANINGS)

LAYOUT_SIDE = 32
_SMALL, _CENTRE = 256, 1024
_FLAT, _LIKE_EDGE = 2.0, 3.0
"""Luma steps: a border's row varies less than the first and differs less than the second from the outermost row."""


def measure_pixels(image: Image) -> npt.NDArray[np.float32]:
    """Statistics of one picture.

    Colours and borders are taken from the picture shrunk to 256 pixels, detail from its central 1024 x 1024 at full
    size, since shrinking would change it.

    Args:
        image: (H, W, 3) RGB uint8, H and W at least 1.

    Returns:
        (len(STATISTICS),) float32, finite.
    """
    small = shrink(image, _SMALL)
    values = np.array([*_colours(small), *_detail(_centre(image)), *_borders(small)], np.float32)
    return np.nan_to_num(values, posinf=0, neginf=0)


def measure_layout(image: Image) -> npt.NDArray[np.int8]:
    """Where there are marks: (LAYOUT_SIDE, LAYOUT_SIDE) luma above its neighbourhood, halved, of the shrunk picture.

    Summed over a class, what stands at one place in many pictures stays (a watermark, a border, a way of framing) and
    what differs from picture to picture goes.
    """
    side = LAYOUT_SIDE
    method = cv2.INTER_AREA if min(image.shape[:2]) >= side else cv2.INTER_LINEAR
    grey = _luma(np.asarray(cv2.resize(image, (side, side), interpolation=method)))
    return np.clip((grey - cv2.GaussianBlur(grey, (0, 0), 3)) / 2, -127, 127).astype(np.int8)


def shrink(image: Image, longest: int) -> Image:
    """The picture with its longer side brought down to at most `longest` pixels."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _centre(image: Image) -> Image:
    top, left = (max(0, (n - _CENTRE) // 2) // 8 * 8 for n in image.shape[:2])  # on the JPEG grid
    return np.ascontiguousarray(image[top : top + _CENTRE, left : left + _CENTRE])


def _luma(image: Image) -> Grey:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def _colours(small: Image) -> list[float]:
    grey = _luma(small)
    red, green, blue = small.reshape(-1, 3).mean(axis=0)
    spread = float(np.ptp(small, axis=2).mean())
    return [
        float(grey.mean()),
        float(grey.std()),
        float(red - green),
        float(blue - green),
        spread,
        float((grey < 8).mean()),
        float((grey > 247).mean()),
    ]


def _detail(image: Image) -> list[float]:
    """Sharpness to direction; 0 each where the picture is too small to have any."""
    if min(image.shape[:2]) < 17:
        return [0.0] * 7
    ycc = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), np.float32)
    grey = np.ascontiguousarray(ycc[..., 0])
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    blurred = cv2.GaussianBlur(grey, (0, 0), 1)
    coarse = blurred - cv2.GaussianBlur(grey, (0, 0), 4)
    colour = [float(cv2.Laplacian(np.ascontiguousarray(ycc[..., i]), cv2.CV_32F).std()) for i in (1, 2)]
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    diagonal = np.abs(grey[1:, 1:] - grey[1:, :-1] - grey[:-1, 1:] + grey[:-1, :-1])
    steps = float(across.mean() + down.mean())
    return [
        float(np.log(laplacian.var() + 0.01)),
        _noise(grey),
        _log_ratio(float((grey - blurred).std()), float(coarse.std())),
        _log_ratio(sum(colour) / 2, float(laplacian.std())),
        (_grid(across.mean(axis=0)) + _grid(down.mean(axis=1))) / 2,
        float(diagonal.mean()) / (steps + 0.01),
        _log_ratio(float(across.mean()), float(down.mean())),
    ]


def _noise(grey: Grey) -> float:
    """Source: Immerkaer, *Fast Noise Variance Estimation*, Computer Vision and Image Understanding 64 (1996)."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    inner = cv2.filter2D(grey, cv2.CV_32F, mask)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(inner).mean())


def _grid(steps: npt.NDArray[np.float32]) -> float:
    """Mean step at the strongest of the 8 phases beside the median of all: 1 without a grid."""
    whole = len(steps) // 8 * 8
    phases = steps[:whole].reshape(-1, 8).mean(axis=0)
    return float((phases.max() + 0.01) / (np.median(phases) + 0.01))


def _borders(small: Image) -> list[float]:
    """Width of the uniform border at the top, right, bottom and left, in shares of the side, at most a half each."""
    grey = _luma(small)
    return [_border(grey), _border(grey.T[::-1]), _border(grey[::-1]), _border(grey.T)]


def _border(rows: Grey) -> float:
    means, spreads = rows.mean(axis=1), rows.std(axis=1)
    inside = np.flatnonzero((spreads > _FLAT) | (np.abs(means - means[0]) > _LIKE_EDGE))
    width = int(inside[0]) if len(inside) else len(rows)
    return min(width / len(rows), 0.5)


def _log_ratio(above: float, below: float) -> float:
    return float(np.log((above + 0.01) / (below + 0.01)))
