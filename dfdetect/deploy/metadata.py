"""What an exported model says of itself: the facts that whoever runs it needs, as flat text inside the file."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from dfdetect.data.face_crop import MOST_MARGIN as MOST_MARGIN
from dfdetect.data.face_crop import Cut
from dfdetect.data.resize import CROPS, Frame, seen
from dfdetect.data.seen import read_note
from dfdetect.errors import DamagedModelError, ForeignModelError
from dfdetect.evaluation.network_name import network_name
from dfdetect.evaluation.uncertain import UncertainBand as UncertainBand
from dfdetect.explain.grid import Grid, grid_of

INPUT, OUTPUTS = "pixels", ("p_fake", "heatmap")
"""Names of an exported graph's input and outputs."""
PREFIX = "dfdetect."
"""Every key of ours begins with it: a file's metadata may hold other entries."""
VERSION = "1"
"""Of this list of facts. A file of another one is refused; keys that are added to it later are passed over."""

_CENTRED_BEFORE = frozenset({"mobilenet_v2", "mobilenet_v3_large", "resnet18", "efficientnet_b0", "efficientnet_v2_s"})
"""Backbones that are centred on the first pixel in files that do not say it yet; new ones say it in the registry."""

Format = Literal["onnx", "openvino", "litert", "checkpoint"]
Precision = Literal["fp32", "fp16", "int8"]
Layout = Literal["NCHW", "NHWC"]
Verdict = Literal["real", "fake", "uncertain"]
FORMATS: tuple[Format, ...] = get_args(Format)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class ModelFacts:
    """Everything that is known of a detector besides its weights.

    Attributes:
        backbone: name of the feature extractor.
        frontend: what it sees of a picture, as in `model.frontend`; the graph does it, this is the record.
        threshold: p_fake from which an image is called fake.
        temperature: what the logits are divided by; the graph does it, this is the record.
        calibrated: whether both were fitted on validation images.
        input_size: side of the square input in pixels.
        format: what the file is.
        precision: of the weights, and for int8 of the activations too.
        layout: order of the input's axes after the batch: (N, 3, S, S) or (N, S, S, 3).
        crop: crop policy of `dfdetect.data.resize`.
        interpolation: its method.
        normalise_encoding: JPEG quality that a picture is re-encoded with before it is resized; None for none.
        face_margin: share of a face box's longer side to add on each side when it is cut out: what the training's
            pictures leave around a face, at the median, or what was stated; None where neither is known. By the crop
            `face` what its training cut faces out with.
        centred_on_first: whether cell i of the heatmap looks at pixel i * step of the input; None in files of the time
            before this was written down.
        test_time_flip: whether score and heatmap are means over a picture and its mirror image; the graph does it.
        class_names: by label.
        positive_class: the one whose probability p_fake is.
        colour_order: of the input's channels.
        uncertain: None where no band was chosen.
        float_layers: layers of an int8 model that stayed in floating point.
        data_fingerprint: of the images it was trained on; None where unknown.
        data_title: their name.
        images_seen: a note of images that training saw, as of `dfdetect.data.seen`.
        checkpoint_sha256: of the checkpoint's file; None where a file does not say.
        test_summary: results of the checkpoint's test, in a line.
        dfdetect_version: that exported it.
        licence: what to know before passing the file on.
    """

    backbone: str
    threshold: float
    temperature: float
    calibrated: bool
    input_size: int
    format: Format
    precision: Precision
    layout: Layout
    crop: str
    interpolation: str
    dfdetect_version: str
    frontend: str = "rgb"
    normalise_encoding: int | None = None
    face_margin: float | None = None
    centred_on_first: bool | None = None
    test_time_flip: bool = False
    class_names: tuple[str, ...] = ("real", "fake")
    positive_class: str = "fake"
    colour_order: str = "RGB"
    uncertain: UncertainBand | None = None
    float_layers: tuple[str, ...] = ()
    data_fingerprint: str | None = None
    data_title: str | None = None
    images_seen: str | None = field(default=None, repr=False)
    checkpoint_sha256: str | None = None
    test_summary: str | None = None
    licence: str | None = None

    @property
    def network(self) -> str:
        """Backbone and front-end, in words."""
        return network_name(self.backbone, self.frontend)

    def verdict(self, p_fake: float) -> Verdict:
        """What a score comes to: `uncertain` within the band, where there is one."""
        if self.uncertain is not None and self.uncertain.holds(p_fake):
            return "uncertain"
        return "fake" if p_fake >= self.threshold else "real"

    def grid(self, cells: int) -> Grid:
        """Where the cells of a map with so many on a side lie in the input."""
        known = self.centred_on_first
        grid = grid_of(self.backbone in _CENTRED_BEFORE if known is None else known, self.input_size, cells)
        return replace(grid, mirrored=self.test_time_flip)

    def to_strings(self) -> dict[str, str]:
        """Flat text for a file's metadata; what is None is left out. Read back by `from_strings`."""
        strings = {f"{PREFIX}metadata_version": VERSION}
        for name, value in asdict(self).items():
            if value is not None:
                strings[PREFIX + name] = value if isinstance(value, str) else json.dumps(value)
        return strings

    @classmethod
    def from_strings(cls, strings: Mapping[str, str], name: str = "The model") -> "ModelFacts":
        """Facts from a file's metadata.

        Args:
            strings: entries of the metadata, also such as are not ours.
            name: how errors call the file.

        Raises:
            ForeignModelError: none of ours, or of another version.
            DamagedModelError: something is missing, or out of its range.
        """
        version = strings.get(f"{PREFIX}metadata_version")
        if version is None:
            raise ForeignModelError(f"{name}: not written by dfdetect export: it has no metadata of ours")
        if version != VERSION:
            raise ForeignModelError(
                f"{name}: its metadata is of version {version}, and this dfdetect reads version {VERSION}. Install the "
                f"dfdetect that wrote it ({strings.get(PREFIX + 'dfdetect_version', 'unknown')}), or export it again"
            )
        values: dict[str, Any] = {}
        for one in fields(cls):
            if (text := strings.get(PREFIX + one.name)) is not None:
                values[one.name] = _read(name, one.name, text)
        try:
            facts = cls(**values)
        except TypeError as error:
            raise DamagedModelError(f"{name}: its metadata is incomplete ({error})") from None
        if facts.crop == "face" and facts.face_margin is None:
            raise DamagedModelError(f"{name}: its metadata is incomplete (crop is face, and there is no face_margin)")
        return facts

    def seen(self, shape: tuple[int, ...]) -> Frame:
        """What the network sees of a picture (H, W, ...) that `Detector.prepare` is given, in whole pixels of it."""
        return seen(shape, self.input_size, self.crop)

    def seen_of(self, cut: Cut) -> Frame:
        """The same of what was cut out of a picture, in the picture's pixels."""
        frame = self.seen(cut.pixels.shape)
        return frame._replace(left=cut.left + frame.left, top=cut.top + frame.top)


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = json.loads(text)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"no number from {low} to {high}")
        return float(value)

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = json.loads(text)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"no whole number from {low} to {high}")
        return value

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"none of {', '.join(choices)}")
        return text

    return read


def _note(text: str) -> str:
    read_note(text)
    return text


def _flag(text: str) -> bool:
    return _one_of("true", "false")(text) == "true"


def _names(text: str) -> tuple[str, ...]:
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("no list of names")
    return tuple(value)


def _two_classes(text: str) -> tuple[str, ...]:
    names = _names(text)
    if names != ("real", "fake"):
        raise ValueError("this dfdetect knows the classes real and fake, in this order")
    return names


def _band(text: str) -> UncertainBand:
    value = json.loads(text)
    names = [field.name for field in fields(UncertainBand)]
    if not isinstance(value, dict) or set(value) != set(names):
        raise ValueError("no band")
    share = _number(0, 1)
    shares = {name: share(json.dumps(value[name])) for name in names if name != "n"}
    if shares["low"] > shares["high"]:
        raise ValueError("its low end is above its high end")
    return UncertainBand(**shares, n=_whole(1, 2**53)(json.dumps(value["n"])))


_READERS: dict[str, Callable[[str], Any]] = {
    "threshold": _number(0, 1),
    "temperature": _number(math.ulp(0), 1e6),
    "calibrated": _flag,
    "input_size": _whole(1, 8192),
    "format": _one_of(*FORMATS),
    "precision": _one_of(*PRECISIONS),
    "layout": _one_of(*get_args(Layout)),
    "crop": _one_of(*CROPS),
    "normalise_encoding": _whole(1, 100),
    "face_margin": _number(0, MOST_MARGIN),
    "centred_on_first": _flag,
    "test_time_flip": _flag,
    "class_names": _two_classes,
    "positive_class": _one_of("fake"),
    "colour_order": _one_of("RGB"),
    "uncertain": _band,
    "float_layers": _names,
    "images_seen": _note,
}
"""How a field's text is read; text that is no mark of a kind is taken as it is."""


def _read(name: str, key: str, text: str) -> Any:
    try:
        return _READERS.get(key, str)(text)
    except (ValueError, RecursionError) as error:
        raise DamagedModelError(f"{name}: damaged metadata: {key} is {text[:40]!r}: {error}") from None
