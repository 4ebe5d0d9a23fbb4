"""The answer to one upload as HTML: verdict first, then what it rests on, then why not to trust it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dfdetect.data.yunet import Face
from dfdetect.deploy.metadata import Verdict
from dfdetect.deploy.verdicts import FaceVerdict, Row
from dfdetect.explain.regions import Share
from dfdetect.web.clip import timeline
from dfdetect.web.doubts import doubts_in_short, faces_word
from dfdetect.web.face_card import face_card, face_line
from dfdetect.web.gauge import gauge
from dfdetect.web.model_card import doubt_list, model_card
from dfdetect.web.pictures import jpeg_address, region_shares, shown_face, shown_picture
from dfdetect.web.service import Answer, Model
from dfdetect.web.stage import heat_switch, stage
from dfdetect.web.words import CAUTION, counted, escaped, figure, headline, sign

MOST_CARDS = 6
"""Faces that are shown one by one; the others get a line each."""
_NAMES: dict[str, str] = {"photo": "Face", "video": "Person"}


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
        f'<details class="df-opinion df-{row.verdict}" name="df-opinion"{" open" if first else ""}><summary>'
        f'<span class="df-name">{escaped(name)}</span><span class="df-word">{headline(verdict_of(row))}</span>'
        f'{score}<b class="df-score">{number}</b></summary>{panel}</details>'
    )


def _panel(answer: Answer, name: str, row: Row, model: Model) -> str:
    """All that one model says."""
    facts = model.settings.detector.facts
    margin = model.settings.used_margin if model.settings.face_model else None
    picture, has_heat = _picture(answer, row, model)
    doubts = doubt_list(doubts_in_short(row, facts))
    switch = heat_switch(name) if has_heat else ""
    return (
        f'<div class="df-panel"><div class="df-left">{picture}{switch}{timeline(row, facts)}</div>'
        f'<div class="df-right">{_faces(answer, row, model)}</div>'
        f'<section class="df-trust"><h3>When not to trust this</h3>{doubts}</section></div>'
        f"{model_card(name, facts, model.about, margin)}"
    )


def _picture(answer: Answer, row: Row, model: Model) -> tuple[str, bool]:
    """What was judged, and whether there is evidence to lay over it."""
    alt = f"What was judged: {faces_word(row)}"
    if answer.image is None:
        return (stage(jpeg_address(row.picture), "", alt, (), row.size) if row.picture else ""), False
    pair = shown_picture(answer.image, row.faces, model.settings.detector.facts)
    named = list(zip(face_names(row), row.faces, strict=True))
    return stage(pair.plain, pair.heat, alt, named, row.size), bool(pair.heat)


def _faces(answer: Answer, row: Row, model: Model) -> str:
    facts = model.settings.detector.facts
    names = face_names(row)
    cards = []
    for i, (name, face) in enumerate(zip(names[:MOST_CARDS], row.faces, strict=False)):
        pair = shown_face(answer.image, face, facts) if answer.image is not None and face.box is not None else None
        # where there is one face only, what is wrong with it stands above already
        told = replace(face, reason="") if face.p_fake is not None and len(row.faces) == 1 else face
        cards.append(face_card(name, told, facts, pair, _parts(answer, face, model), whole=i == 0))
    lines = [face_line(name, face) for name, face in zip(names, row.faces, strict=True)][MOST_CARDS:]
    more = f'<h4>More faces</h4><ul class="df-list">{"".join(lines)}</ul>' if lines else ""
    return "".join(cards) + more


def face_names(row: Row) -> list[str]:
    """What a row's faces are called, in its order: numbered from left to right, so that all models agree on it."""
    if row.faces and row.faces[0].box is None:
        return ["The whole picture"]
    places = [(i, face.box or (0, 0, 0, 0)) for i, face in enumerate(row.faces)]
    order = [i for i, _ in sorted(places, key=lambda place: place[1])]
    word = _NAMES.get(row.kind, "Face")
    return [f"{word} {order.index(i) + 1}" for i in range(len(row.faces))]


def _parts(answer: Answer, face: FaceVerdict, model: Model) -> dict[str, Share]:
    """What each region of a face has of its evidence; empty where the face's landmarks are not known."""
    found = [one for one in answer.found if _box_of(one) == face.box]
    if answer.image is None or not found:
        return {}
    return region_shares(face, found[0], model.settings.detector.facts, answer.image.shape)


def _box_of(face: Face) -> tuple[int, int, int, int]:
    return round(face.left), round(face.top), round(face.width), round(face.height)


def verdict_of(row: Row) -> Verdict:
    """A row's verdict; the service raises for what it cannot read, so that none is an error here."""
    return "uncertain" if row.verdict == "error" else row.verdict
