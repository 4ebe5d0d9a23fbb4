"""The answer to one upload as HTML: verdict first, then what it rests on, then why not to trust it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dfdetect.deploy.metadata import ModelFacts, Verdict
from dfdetect.deploy.verdicts import FaceVerdict, Row, face_numbers
from dfdetect.web.clip import moment, timeline
from dfdetect.web.doubts import doubts_in_short, faces_word
from dfdetect.web.face_card import face_card, face_line
from dfdetect.web.gauge import gauge
from dfdetect.web.model_card import doubt_list, model_card
from dfdetect.web.pictures import region_shares, shown_face, shown_picture
from dfdetect.web.service import Answer, Model
from dfdetect.web.stage import heat_switch, stage
from dfdetect.web.words import CAUTION, escaped, figure, headline, sign
from dfdetect.words import counted

Pixels = npt.NDArray[np.uint8]

MOST_CARDS = 6
"""Faces that are shown one by one; the others get a line each."""


def result(answer: Answer, models: Mapping[str, Model], request: str = "") -> str:
    """An answer.

    Args:
        answer: of the service, with the picture that was judged.
        models: the service's, by name.
        request: what the browser calls the request by.
    """
    rows = list(answer.rows.values())
    verdict = verdict_of(rows[0]) if len({row.verdict for row in rows}) == 1 else "uncertain"
    shown: list[str] = []
    for name, row in answer.rows.items():
        panel = _panel(answer, name, row, models[name])
        shown.append(_opinion(name, row, models[name], panel, not shown) if len(rows) > 1 else panel)
    return (
        f'<section class="df-result" data-request="{escaped(request)}" aria-labelledby="df-verdict">'
        f'<header class="df-head df-{verdict}"><h2 id="df-verdict">{_title(rows)}</h2>'
        f'<p class="df-why">{_why(answer, models)}</p><p class="df-soft">{_facts_line(answer)}</p></header>'
        f"{''.join(shown)}"
        f'<p class="df-caution">{escaped(CAUTION)}</p></section>'
    )


def problem(title: str, text: str, request: str = "") -> str:
    """In an answer's place, what went wrong and what to do."""
    return (
        f'<section class="df-result" data-request="{escaped(request)}" aria-labelledby="df-verdict">'
        f'<header class="df-head df-problem"><h2 id="df-verdict"><span>{escaped(title)}</span></h2>'
        f'<p class="df-why">{escaped(text)}</p></header></section>'
    )


def _title(rows: Sequence[Row]) -> str:
    verdicts = {row.verdict for row in rows}
    if len(verdicts) > 1:
        return f"{sign('uncertain')}<span>The models disagree</span>"
    if all(row.p_fake is None for row in rows):
        return f"{sign('uncertain')}<span>Not judged</span>"
    return headline(verdict_of(rows[0]))


def _why(answer: Answer, models: Mapping[str, Model]) -> str:
    """The verdict's reason in a sentence."""
    rows = answer.rows
    if len(rows) > 1 and any(row.p_fake is not None for row in rows.values()):
        counts = Counter(verdict_of(row) for row in rows.values())
        held = {one: (counts[one], words) for one, words in _SAYS.items() if counts[one]}
        return f"{', '.join(f'{counted(n, _MODEL)} {words[n > 1]}' for n, words in held.values())}."
    name, row = next(iter(rows.items()))
    if row.p_fake is None:
        return f"{escaped(row.reason[:1].upper() + row.reason[1:])}."
    facts = models[name].settings.detector.facts
    which = "Its" if len(row.faces) == 1 else "The most fake face's"
    said = f"{which} p_fake of {figure(row.p_fake)}"
    if (band := facts.uncertain) is not None and band.holds(row.p_fake):
        return f"{said} lies where this model cannot tell, between {band.low:.2f} and {band.high:.2f}."
    side = "at or above" if row.p_fake >= facts.threshold else "below"
    doubt = f", but {escaped(row.reason)}" if row.verdict == "uncertain" and row.reason else ""
    return f"{said} is {side} the threshold of {facts.threshold:.2f}{doubt}."


_MODEL = "model"
_SAYS: dict[Verdict, tuple[str, str]] = {
    "fake": ("says fake", "say fake"),
    "real": ("says real", "say real"),
    "uncertain": ("cannot tell", "cannot tell"),
}


def _facts_line(answer: Answer) -> str:
    row = next(iter(answer.rows.values()))
    size = f"{row.size[0]} x {row.size[1]} pixels" if row.size else ""
    words = (answer.name, {"photo": "photo", "video": "clip"}.get(row.kind, ""), size, faces_word(row))
    parts = [escaped(one) for one in (*words, f"{row.seconds:.2f} s") if one]
    return " · ".join(parts)


def _opinion(name: str, row: Row, model: Model, panel: str, first: bool) -> str:
    """One of several models: a line to compare, and all of it when it is opened."""
    facts = model.settings.detector.facts
    score = gauge(row.p_fake, facts, verdict_of(row), small=True) if row.p_fake is not None else "<span></span>"
    number = figure(row.p_fake) if row.p_fake is not None else "-"
    return (
        f'<details class="df-opinion df-{row.verdict}"{" open" if first else ""}><summary>'
        f'<span class="df-name">{escaped(name)}</span><span class="df-word">{headline(verdict_of(row))}</span>'
        f'{score}<b class="df-score">{number}</b></summary>{panel}</details>'
    )


def _panel(answer: Answer, name: str, row: Row, model: Model) -> str:
    """All that one model says."""
    facts = model.settings.detector.facts
    margin = model.settings.used_margin if model.settings.face_model else None
    doubts = doubt_list(doubts_in_short(row, facts))
    image, faces = _view(answer, row)
    return (
        f'<div class="df-panel"><div class="df-left">{_picture(name, row, image, faces, facts)}</div>'
        f'<div class="df-right">{timeline(row, facts)}{_faces(row, image, faces, facts)}</div>'
        f'<section class="df-trust"><h3>When not to trust this</h3>{doubts}</section></div>'
        f"{model_card(name, facts, model.about, margin)}"
    )


def _view(answer: Answer, row: Row) -> tuple[Pixels | None, list[FaceVerdict]]:
    """The picture that is shown, and a row's faces as they are in it: without a box where they are not."""
    if row.kind != "video":
        return answer.image, list(row.faces)
    return row.frame, [replace(face, box=face.found.box if face.found else None) for face in row.faces]


def _picture(name: str, row: Row, image: Pixels | None, faces: Sequence[FaceVerdict], facts: ModelFacts) -> str:
    """What was judged, and what lays the evidence over it where there is any."""
    if image is None:
        return ""
    pair = shown_picture(image, faces, facts)
    named = list(zip(face_names(row), faces, strict=True))
    shown = stage(pair.plain, pair.heat, f"What was judged: {faces_word(row)}", named, row.size)
    return shown + moment(row) + (heat_switch(name) if pair.heat else "")


def _faces(row: Row, image: Pixels | None, faces: Sequence[FaceVerdict], facts: ModelFacts) -> str:
    names = face_names(row)
    cards = []
    for i, (name, face) in enumerate(zip(names[:MOST_CARDS], faces, strict=False)):
        pair = shown_face(image, face, facts) if image is not None and face.box is not None else None
        parts = region_shares(face, facts, image.shape) if image is not None else {}
        # where there is one face only, what is wrong with it stands above already
        told = replace(face, reason="") if face.p_fake is not None and len(faces) == 1 else face
        cards.append(face_card(name, told, facts, pair, parts, whole=i == 0))
    lines = [face_line(name, face) for name, face in zip(names, row.faces, strict=True)][MOST_CARDS:]
    more = f'<h4>More faces</h4><ul class="df-list">{"".join(lines)}</ul>' if lines else ""
    return "".join(cards) + more


def face_names(row: Row) -> list[str]:
    """What a row's faces are called, in its order."""
    word = "Face"
    if row.faces and row.faces[0].box is None:
        word = "Shot"
        if len(row.faces) == 1:
            return ["The whole picture"]
    return [f"{word} {number}" for number in face_numbers(row.faces)]


def verdict_of(row: Row) -> Verdict:
    """A row's verdict; the service raises for what it cannot read, so that none is an error here."""
    return "uncertain" if row.verdict == "error" else row.verdict
