"""When not to trust an answer: what is wrong with this photo, and what is to be known of the model in general."""

from collections.abc import Iterator
from dataclasses import dataclass

from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import FaceVerdict, Row
from dfdetect.words import counted

_MANY_FACES = 3


@dataclass(frozen=True)
class Doubt:
    """A reason not to trust an answer.

    Attributes:
        title: in a few words.
        text: what it means.
    """

    title: str
    text: str


def doubts_of_row(row: Row, facts: ModelFacts) -> list[Doubt]:
    """What is wrong with this upload, the gravest first."""
    return [*_of_searching(row), *_of_faces(row, facts), *_of_kind(row)]


def doubts_in_short(row: Row, facts: ModelFacts) -> list[Doubt]:
    """What stands beside an answer: what is wrong with this upload, how often the model errs, and on what."""
    tested = facts.test_summary or "no test is recorded, so nothing is known of it"
    often = Doubt("How often it is wrong", f"On photos like those it learned on: {tested}.")
    return [*doubts_of_row(row, facts), often, *_of_training(facts)]


def doubts_of_model(facts: ModelFacts, margin: float | None = None) -> list[Doubt]:
    """What is to be known of a model whatever it is shown; `margin` is the one that faces are cut out with, if any."""
    return [*_of_training(facts), *_of_margin(facts, margin), *_of_calibration(facts), *_of_any_detector()]


def _of_searching(row: Row) -> Iterator[Doubt]:
    if not row.faces:
        yield Doubt(
            "No face was found, so nothing was judged",
            "Faces from the side, behind masks or hands, or smaller than about a thirtieth of the picture are missed.",
        )
    elif row.faces[0].box is None:
        yield Doubt(
            "The whole picture was judged",
            "This server looks for no face (`--faces off`). What surrounds a face then counts as much as the face.",
        )


def _of_faces(row: Row, facts: ModelFacts) -> Iterator[Doubt]:
    judged = [face for face in row.faces if face.p_fake is not None]
    for face in row.faces:
        if face.p_fake is None:
            title = "A face was passed over" if judged else "No face could be judged"
            yield Doubt(title, f"{_sentence(face.reason)} Too little of it is there to show how it was made.")
            break
    if judged:
        yield from _of_first(judged[0], facts)
    if len(judged) >= _MANY_FACES:
        yield Doubt(
            f"{len(judged)} faces, and the most fake one decides",
            "The more faces there are, the likelier it is that one of them is called fake by mistake.",
        )


def _of_first(face: FaceVerdict, facts: ModelFacts) -> Iterator[Doubt]:
    """What speaks against the score that decided."""
    band = facts.uncertain
    if face.p_fake is not None and band is not None and band.holds(face.p_fake):
        yield Doubt(
            "Too close to the threshold",
            f"Between {band.low:.2f} and {band.high:.2f} this model is wrong too often to be asked: to err in at most "
            f"{band.stated_error:.0%} of its answers on validation, it could answer only {band.coverage:.0%} of "
            f"{band.n:,} photos.",
        )
    if face.reason.startswith("flips"):
        yield Doubt(
            "The answer flips when the photo is re-encoded",
            "Saved once more as a messenger or a platform does, the same face falls on the other side of the "
            "threshold. So the answer hangs on traces that sharing makes or removes.",
        )
    side = min(face.box[2:]) if face.box else 0
    if 0 < side < facts.input_size / 2:
        yield Doubt(
            f"A small face: {side} pixels",
            f"The network looks at {facts.input_size}. It had to be enlarged, and most traces of a fake are finer.",
        )


def _of_kind(row: Row) -> Iterator[Doubt]:
    if row.kind == "video":
        yield Doubt(
            "A clip, judged frame by frame",
            "A model that learned on photos takes traces of a video's codec for more than they are, and nothing here "
            "looks at how a face moves or at the sound.",
        )


def _of_training(facts: ModelFacts) -> Iterator[Doubt]:
    name = facts.data_title
    trained = f"It was trained and tested on one collection, {name}." if name else "It does not say on what."
    yield Doubt(
        "Photos unlike its training",
        f"{trained} On other cameras, people and kinds of fakes it does worse, down to guessing; its test says "
        "nothing about those.",
    )


def _of_margin(facts: ModelFacts, margin: float | None) -> Iterator[Doubt]:
    if facts.crop == "face" and margin is None:
        yield Doubt(
            "It learned on faces cut out of their photos",
            f"Here no face is searched: only a photo cut to one face, with {facts.face_margin:.0%} of its side as room "
            "all around, is like its training's.",
        )
    if facts.face_margin is None and margin is not None:
        yield Doubt(
            "How closely it wants faces cut out is not recorded",
            f"Here they get {margin:.0%} of their side as room all around. Room unlike its training's moves the score.",
        )


def _of_calibration(facts: ModelFacts) -> Iterator[Doubt]:
    if facts.calibrated:
        yield Doubt(
            "The score is no probability for your photo",
            "Its scale was fitted on validation photos. Where fakes are rarer than there, more alarms are false, "
            "however high they score.",
        )
    else:
        yield Doubt(
            "The score is not calibrated",
            "Threshold and scale were never fitted on validation photos: 0.9 need not mean nine in ten.",
        )
    if facts.uncertain is None:
        yield Doubt(
            "It never says that it cannot tell", "No uncertain band was chosen for it, so close calls look sure."
        )


def _of_any_detector() -> Iterator[Doubt]:
    yield Doubt(
        "“Real” is not “true”",
        "It means that no trace was found of the kinds of forgery it knows. An untouched photo can still show another "
        "day, place or person than is said.",
    )
    yield Doubt(
        "Not checked for fairness",
        "Nothing in its file says how it does by age, sex or skin. Whether it errs more often with some people is not "
        "known.",
    )


def faces_word(row: Row) -> str:
    """How many faces there are, in words."""
    if row.kind == "video":
        return counted(len(row.faces), "face followed", "faces followed")
    return counted(len(row.faces), "face") if row.faces else "no face"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
