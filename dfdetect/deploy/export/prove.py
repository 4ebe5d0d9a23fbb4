"""Writes one file, shows that it decides as its checkpoint does, and gives it its name only then."""

import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dfdetect.deploy.export.convert import Converter, write
from dfdetect.deploy.export.parity import judge_pictures, latencies, measure_parity
from dfdetect.deploy.export.parity_page import parity_page
from dfdetect.deploy.export.pictures import Pictures
from dfdetect.deploy.find_model import EARLIER, FAILED
from dfdetect.deploy.metadata import Format, ModelFacts, Precision
from dfdetect.deploy.runtime import Detector
from dfdetect.evaluation.metrics import Floats
from dfdetect.evaluation.tables import write_json
from dfdetect.evaluation.uncertain import UncertainBand, choose_band
from dfdetect.files import replacing, sha256_of

_LONGEST_NAME = 80
"""Characters of a backbone's name in that of a file."""


@dataclass(frozen=True)
class Reference:
    """What the checkpoint says of some pictures.

    Attributes:
        pictures: N.
        places: (M,) those that could be read.
        p_fake: (M,) of each.
    """

    pictures: Pictures
    places: list[int]
    p_fake: Floats

    @classmethod
    def of(cls, detector: Detector, pictures: Pictures) -> "Reference":
        """Judge the pictures; raises `ExportError` where not one can be read."""
        return cls(pictures, *judge_pictures(detector, pictures))

    def band(self, p_fake: Floats, facts: ModelFacts, stated_error: float) -> UncertainBand | None:
        """The uncertain band for scores (M,) of these pictures.

        Where no share of them can be answered with so few errors, it is the band for the smallest multiple of
        `stated_error` with which one can, and the band says so. None without labels of both classes, or with hardly
        any picture.
        """
        if self.pictures.labels is None:
            return None
        label = self.pictures.labels[self.places]
        if len(set(label.tolist())) < 2:  # a detector that answers real to everything would seem never to err
            return None
        stated = [round(stated_error * times, 6) for times in range(1, math.ceil(1 / stated_error))]
        bands = (choose_band(label, p_fake, facts.threshold, one) for one in stated)
        return next((band for band in bands if band is not None), None)


@dataclass(frozen=True)
class Proof:
    """What every file is held against.

    Attributes:
        checkpoint: the file.
        detector: that runs it.
        proven_on: its scores of the pictures of the proof.
        validation: its scores of the validation part, by which the band is chosen; None where that is not at hand.
        stated_error: wrong verdicts among the answered.
        calibration: what int8 is calibrated with, in words.
        margin: around faces, in words.
        threads: of a run.
    """

    checkpoint: Path
    detector: Detector
    proven_on: Reference
    validation: Reference | None
    stated_error: float
    calibration: str | None
    margin: str
    threads: int


def export_file(
    converter: Converter,
    proof: Proof,
    kind: Format,
    precision: Precision,
    facts: ModelFacts,
    out: Path,
) -> dict[str, Any]:
    """Export to one format and precision, and prove it.

    The file is called BACKBONE-PRECISION with the format's ending; where it is over the tolerance, `.failed` stands
    before that. Beside it lie `<name>.parity.json` and `<name>.parity.html`.

    Args:
        converter: of the network.
        proof: what the file is held against.
        kind: its format.
        precision: its precision.
        facts: of the checkpoint, with its band.
        out: folder.

    Returns:
        What is in the JSON.
    """
    out.mkdir(parents=True, exist_ok=True)
    model, own = converter.convert(kind, precision, facts)
    stem = f"{_file_name(facts.backbone)}-{precision}"
    with tempfile.TemporaryDirectory(prefix=".export-", dir=out) as folder:
        file = write(model, own, Path(folder), stem)
        if precision == "int8" and proof.validation is not None:  # its scores are others than the checkpoint's
            _, scores = judge_pictures(Detector.load(file, proof.threads), proof.validation.pictures)
            stated = facts.uncertain.stated_error if facts.uncertain else proof.stated_error
            band = proof.validation.band(scores, facts, stated)
            file = write(model, replace(own, uncertain=band), Path(folder), stem)
        exported = Detector.load(file, proof.threads)
        _, scores = judge_pictures(exported, proof.proven_on.pictures)
        on = proof.proven_on
        parity = measure_parity(on.pictures, on.places, on.p_fake, scores, facts.threshold, precision)
        result = _describe(file, exported, proof) | parity
        result["file"] = str(_move(file, out, parity["passed"]))
    write_json(Path(f"{result['file']}.parity.json"), result)
    with replacing(f"{result['file']}.parity.html") as temporary:
        temporary.write_text(parity_page(result, on.p_fake, scores, on.pictures.labels, on.places), encoding="utf-8")
    return result


def _describe(file: Path, exported: Detector, proof: Proof) -> dict[str, Any]:
    """The file's own facts, its size, and the time of a picture beside its checkpoint's."""
    one_thread = [Detector.load(path, 1) for path in (proof.checkpoint, file)]
    checkpoint_ms, exported_ms = latencies(one_thread)
    facts = exported.facts
    return {
        "format": facts.format,
        "precision": facts.precision,
        "sha256": sha256_of(file),
        "checkpoint": str(proof.checkpoint),
        "checkpoint_sha256": sha256_of(proof.checkpoint),
        "megabytes": sum(part.stat().st_size for part in _parts(file)) / 1e6,
        "engine": exported.describe(),
        "latency_ms": {"checkpoint": checkpoint_ms, "exported": exported_ms, "threads": 1},
        "float_layers": list(facts.float_layers),
        "calibration": proof.calibration if facts.precision == "int8" else None,
        "face_margin": proof.margin,
        "facts": json.loads(json.dumps(replace(facts, images_seen=None).to_strings())),
    }


def _file_name(backbone: str) -> str:
    """`timm:NAME` and what an ensemble is made of as a name that every system takes."""
    return re.sub(r"[^\w.+-]+", "-", backbone)[:_LONGEST_NAME].rstrip("-.")


def _parts(file: Path) -> Sequence[Path]:
    """The files of a model: OpenVINO has two."""
    return [file.with_suffix(".bin"), file] if file.suffix == ".xml" else [file]


def _move(file: Path, out: Path, passed: bool) -> Path:
    """Give the files their place; returns the one to load.

    Where they fail, a file of an earlier export under the name that they would have had is set aside, lest it look
    like this checkpoint's.
    """
    if not passed:
        _set_aside(out / file.name)
    stem = file.stem if passed else f"{file.stem}{FAILED}"
    for part in _parts(file):
        os.replace(part, out / f"{stem}{part.suffix}")
    return out / f"{stem}{file.suffix}"


def _set_aside(file: Path) -> None:
    """Rename a model, if it is there, and what was proven of it."""
    name = f"{file.stem}{EARLIER}{file.suffix}"
    renamed = {part: part.with_name(f"{file.stem}{EARLIER}{part.suffix}") for part in _parts(file)}
    renamed |= {Path(f"{file}{end}"): file.with_name(f"{name}{end}") for end in (".parity.json", ".parity.html")}
    for old, new in renamed.items():
        if old.exists():
            os.replace(old, new)
    if (file.with_name(name)).exists():
        sys.stderr.write(f"The earlier {file} is {file.with_name(name)} now: it is not of this export\n")
