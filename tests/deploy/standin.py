"""A detector whose answers are known: p_fake is how red a picture is. And faces where a picture is white-framed."""

from dataclasses import replace

import cv2
import numpy as np

from dfdetect.data.face_crop import Cut
from dfdetect.data.resize import resize
from dfdetect.data.yunet import Face
from dfdetect.deploy.metadata import ModelFacts, UncertainBand

FACTS = ModelFacts(
    backbone="standin",
    threshold=0.5,
    temperature=1.0,
    calibrated=True,
    input_size=32,
    format="onnx",
    precision="fp32",
    layout="NCHW",
    crop="resize",
    interpolation="area-down, linear-up",
    dfdetect_version="0.1.0",
    face_margin=0.0,
)
BAND = replace(FACTS, uncertain=UncertainBand(0.4, 0.6, 0.1, 0.09, 0.8, 500))


class Standin:
    """p_fake = mean of red / 255; the heatmap is red less half, in 4 x 4 cells."""

    def __init__(self, facts=FACTS, change=lambda p: p, heat=True):
        self.facts, self.change, self.heat = facts, change, heat
        self.batches: list[int] = []

    def prepare(self, image, name="<pixels>"):
        return resize(image, self.facts.input_size, self.facts.crop)

    def cut(self, image):
        return Cut(image, 0, 0)

    def judge(self, batch):
        self.batches.append(len(batch))
        red = np.asarray(batch, np.float32)[..., 0] / 255
        maps = np.stack([cv2.resize(one, (4, 4), interpolation=cv2.INTER_AREA) for one in red]) - 0.5
        return self.change(red.mean(axis=(1, 2))), maps.astype(np.float32) if self.heat else None

    def describe(self):
        return "Stand-in, CPU, 1 thread"


def face(left, top, width, height, score=0.9):
    return Face(left, top, width, height, np.zeros((5, 2), np.float32), score)


def textured(height, width, red, seed=0):
    """Sharp noise whose mean red is `red` of 255; green and blue are grey noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(60, 196, (height, width, 3)).astype(np.uint8)
    image[..., 0] = np.clip(rng.normal(red, 12, (height, width)), 0, 255)
    return image


def marked(image, *boxes):
    """Paint each (left, top, side, red) as a face that `find_marked` finds: sharp noise of that redness."""
    for number, (left, top, side, red) in enumerate(boxes):
        patch = textured(side, side, red, seed=number + 1)
        cells = np.repeat(np.repeat(patch[::4, ::4, 1], 4, axis=0), 4, axis=1)[:side, :side]
        patch[..., 0], patch[..., 1] = red, np.where(cells > 128, 200, 0)  # coarse enough for a video's codec
        patch[..., 2] = 255
        image[top : top + side, left : left + side] = patch
    return image


def find_marked(image, model="", *_, **__):
    """Faces where blue is near its top, give or take two pixels, the largest first."""
    mask = (cv2.blur(image[..., 2], (9, 9)) > 185).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    found = [face(*(float(n) for n in stats[i, :4])) for i in range(1, count)]
    return sorted(found, key=lambda one: -one.side)
