"""A whole export: what the files are held against, then one file after the other."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.deploy.engines.engine import usable_cores
from dfdetect.deploy.export.convert import Converter
from dfdetect.deploy.export.face_margin import FaceMargin, choose_margin
from dfdetect.deploy.export.network import ExportNetwork, refuse_impossible
from dfdetect.deploy.export.pictures import Pictures, originals_of, part_of, pictures_in, training_data
from dfdetect.deploy.export.prove import Proof, Reference, export_file
from dfdetect.deploy.metadata import Format, ModelFacts, Precision
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import ExportError
from dfdetect.evaluation.uncertain import UncertainBand
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector
from dfdetect.runs import run_of

_WAYS_ON = "Name them as the training did: --data ROOT"
_OTHERS = "; or prove the file on other images: --images DIR"


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        formats: of the files.
        precisions: each in every format.
        out: folder; None for one in the checkpoint's run, or else here.
        data: where the training's images lie now; None for where they lay.
        images: folder of other images to prove the files on.
        most: images of a proof.
        calibration_images: for int8.
        answered_error: wrong verdicts allowed among the answered, in (0, 1).
        face_margin: stated margin around faces, in shares of their side; None to measure it.
        face_model: file of the YuNet model that measures it, or cuts out faces as the training did; None for none.
        licence: the note in the files; None for the general one.
    """

    formats: Sequence[Format]
    precisions: Sequence[Precision]
    out: Path | None = None
    data: str | None = None
    images: str | None = None
    most: int = 5000
    calibration_images: int = 128
    answered_error: float = 0.05
    face_margin: float | None = None
    face_model: str | None = None
    licence: str | None = None


def export(checkpoint: Path, order: Order) -> list[dict[str, Any]]:
    """Write and prove all files; returns what `export_file` found of each.

    Raises:
        CheckpointError: the checkpoint is none.
        ExportError: its network cannot be exported, or there are no images to prove or calibrate the files with.
    """
    loaded = read_detector_checkpoint(checkpoint)
    trained = load_detector(loaded)
    refuse_impossible(trained, order.formats, order.precisions)
    network = ExportNetwork(trained).eval()
    detector = Detector.load(checkpoint, usable_cores(), face_model=order.face_model)
    training = _of_training(loaded, detector, order)
    proof = _proof(checkpoint, detector, training, order)
    facts = replace(detector.facts, uncertain=_band(detector.facts, proof), face_margin=training.margin.value)
    _say(training.margin.words)
    if order.licence is not None:
        facts = replace(facts, licence=order.licence)
    calibration = training.calibration
    pixels = None if calibration is None else np.concatenate([batch for _, batch in calibration.batches()])
    converter = Converter(network, facts.input_size, pixels, proof.threads)
    run = run_of(checkpoint)
    out = order.out or (run / "export" if run else Path("export"))
    wanted = [(one, precision) for one in order.formats for precision in order.precisions]
    results = []
    for number, (one, precision) in enumerate(wanted, start=1):
        _say(f"[{number}/{len(wanted)}] {one} {precision}")
        results.append(export_file(converter, proof, one, precision, facts, out))
    _say(f"Written to {out}, each with its .parity.json and .parity.html")
    return results


@dataclass(frozen=True)
class _Training:
    """What the training's images give.

    Attributes:
        validation: the checkpoint's scores of the validation part; None where the images are not at hand.
        calibration: images of the training part that int8 is calibrated with; None where none are asked for.
        margin: around their faces.
    """

    validation: Reference | None
    calibration: Pictures | None
    margin: FaceMargin


def _proof(checkpoint: Path, detector: Detector, training: _Training, order: Order) -> Proof:
    """What the files are held against."""
    if order.images is not None:
        proven_on = Reference.of(detector, pictures_in(order.images, detector.whole).take(order.most))
    elif training.validation is not None:
        proven_on = training.validation
    else:
        raise ExportError("There are no images to prove the files on. Name some: --images DIR")
    return Proof(
        checkpoint,
        detector,
        proven_on,
        training.validation,
        order.answered_error,
        calibration=None if training.calibration is None else training.calibration.name,
        margin=training.margin.words,
        threads=detector.engine.threads,
    )


def _of_training(loaded: dict[str, Any], detector: Detector, order: Order) -> _Training:
    """Scores of the validation part, images of the training part where int8 asks for them, and their margin.

    Raises:
        ExportError: they are not at hand, and cannot be done without.
    """
    trained_margin = detector.facts.face_margin
    try:
        data = training_data(loaded, order.data, _WAYS_ON + _OTHERS * (order.images is None))
    except ExportError as error:
        if order.images is None:
            raise
        if "int8" in order.precisions:
            raise ExportError(f"int8 is calibrated with images of the training part, never others. {error}") from error
        _say(f"No uncertain band, which is chosen on the validation part. {error}")
        return _Training(None, None, choose_margin(order.face_margin, order.face_model, None, trained_margin))
    data.face_model = order.face_model
    calibration = part_of(data, "train").take(order.calibration_images) if "int8" in order.precisions else None
    margin = choose_margin(order.face_margin, order.face_model, originals_of(data, "train"), trained_margin)
    return _Training(Reference.of(detector, part_of(data, "val").take(order.most)), calibration, margin)


def _band(facts: ModelFacts, proof: Proof) -> UncertainBand | None:
    """The uncertain band of the checkpoint's own scores, which is said."""
    if proof.validation is None:
        return None
    name, stated = proof.validation.pictures.name, proof.stated_error
    band = proof.validation.band(proof.validation.p_fake, facts, stated)
    if band is None:
        _say(f"No uncertain band: {name} is too small for one or of one class, so everything is answered")
        return None
    if band.stated_error > stated:
        _say(
            f"Only {stated:.1%} wrong verdicts among the answered cannot be had from this detector, whatever share of "
            f"{name} is answered; the uncertain band is chosen for {band.stated_error:.1%}"
        )
    _say(
        f"Uncertain from p_fake {band.low:.3f} to {band.high:.3f}: on {name} (n = {band.n}) {band.coverage:.1%} are "
        f"answered, {band.error:.1%} of them wrongly"
    )
    return band


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
