"""Which pictures explanations are scored on: none that the detector was trained on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dfdetect.data.samples import Samples, load_samples
from dfdetect.data.seen import refusal
from dfdetect.data.splits import PARTS, fingerprint
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.errors import ExplainError, ExportError, UsageError
from dfdetect.files import sha256_of


@dataclass(frozen=True)
class Chosen:
    """Pictures to score on.

    Attributes:
        samples: of them.
        title: what they are, in words.
    """

    samples: Samples
    title: str

    def take(self, most: int, seed: int = 0) -> "Chosen":
        """At most so many, drawn by chance, in their order."""
        if len(self.samples) <= most:
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self.samples), most, replace=False))
        return Chosen(self.samples.select(rows), f"{most} of the {len(self.samples)} images of {self.title}")


def checkpoint_of(model: Path) -> Path | None:
    """The checkpoint that a model file is, or was exported from; None where that is not known or not there.

    An export notes its checkpoint beside the file, by the path from where it was run.
    """
    if model.suffix.lower() == ".ckpt":
        return model
    try:
        noted = json.loads(Path(f"{model}.parity.json").read_text(encoding="utf-8"))
        named, digest = str(noted["checkpoint"]), str(noted["checkpoint_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    folders = (Path(), *(folder / "checkpoints" for folder in model.resolve().parents[:3]))
    places = (folder / (named if folder == Path() else Path(named).name) for folder in folders)
    return next((place for place in places if place.is_file() and sha256_of(place) == digest), None)


def choose(facts: ModelFacts, checkpoint: Path | None, data: str | None, parts: Sequence[str]) -> Chosen:
    """Pictures that the detector was not trained on.

    Args:
        facts: of the model.
        checkpoint: that it is or comes from; None where unknown.
        data: folder or manifest; None for the training's own data.
        parts: `test`, `val` or both, of the training's own data; of other data all images are taken.

    Raises:
        UsageError: neither data nor a checkpoint.
        ExplainError: the data cannot be told from the training's, or is not there.
        DataLayoutError: the data is laid out in no known way.
    """
    if checkpoint is None:
        if data is None:
            raise UsageError(
                "Which images this model was trained on is not known. Name its checkpoint, for its test part: "
                "--ckpt_path FILE, or other images: --data ROOT"
            )
        return _all_of(data, facts.data_fingerprint, facts.images_seen)
    from dfdetect.models.checkpoint import FACTS_KEY, read_detector_checkpoint

    read = read_detector_checkpoint(checkpoint)
    trained = read[FACTS_KEY]["split"] or {}
    from dfdetect.deploy.export.pictures import training_data

    try:
        own = training_data(read, data)
    except ExportError as error:
        if data is None:
            raise ExplainError(
                f"The images that {checkpoint} was trained on are not where they were, or are divided in another way. "
                "Name them, as the training did, by folder or manifest: --data ROOT; or name other images"
            ) from error
        return _all_of(data, trained.get("data_fingerprint"), read[FACTS_KEY].get("images_seen"), trained.get("root"))
    rows = np.sort(np.concatenate([np.flatnonzero(own.division.parts == PARTS.index(part)) for part in parts]))
    names = " and ".join("validation" if part == "val" else part for part in parts)
    return Chosen(own.division.samples.select(rows), f"the {names} part of {own.title}")


def _all_of(data: str, trained: str | None, seen: str | None, root: str | None = None) -> Chosen:
    """All images of a data set, unless it is the training's by its root or fingerprint, or holds images of it."""
    samples = load_samples(data)
    same = trained is not None and fingerprint(samples, np.zeros(len(samples), np.int8)) == trained
    if same or (root is not None and str(samples.folder()) == root):
        raise ExplainError(
            f"{data} holds the images that this detector was trained on, divided in another way or in one that is not "
            "known. Name its checkpoint and the data as the training did, by folder or manifest: --ckpt_path FILE "
            "--data ROOT"
        )
    if refused := refusal(samples, seen):
        raise ExplainError(f"{data}: {refused}")
    return Chosen(samples, f"all images of {Path(data).resolve().name}")
