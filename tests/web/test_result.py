"""The answer as HTML: what it says, that it is whole, and that nothing in it can be forged by a name."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from dfdetect.data.yunet import Face
from dfdetect.deploy.photos import Settings
from dfdetect.deploy.verdicts import FaceVerdict, photo_row
from dfdetect.web.result import MOST_CARDS, face_names, problem, result
from dfdetect.web.service import Answer, Model
from tests.deploy.standin import BAND, FACTS, Standin, textured

SIZE = (400, 300)
EMPTY = {"img", "input", "meta", "br", "hr", "line", "rect", "path", "circle", "polyline"}


class Tree(HTMLParser):
    """Text, attributes, and whether each element is closed."""

    def __init__(self, html):
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str | None] = []
        self.feed(html)
        self.close()
        assert self.open == [], "elements that are not closed"

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


def model(name="m", facts=FACTS):
    return Model(name, Settings(Standin(facts), "yunet"), "Stand-in, CPU, 1 thread")


def face(p_fake=0.9, box=(100, 50, 80, 100), verdict="fake", heat=0.5, **more):
    heatmap = np.full((4, 4), heat, np.float32) if heat is not None else None
    square = (box[0], box[1], box[3]) if box else None
    return FaceVerdict(box, p_fake, verdict, heatmap=heatmap, square=square, found=found(box) if box else None, **more)


def found(box):
    left, top, width, height = box
    at = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
    return Face(left + 0.2, top - 0.2, width, height, at * (width, height) + (left, top), 0.9)


def answer(*faces, facts=FACTS, name="photo.jpg", models=("m",), image=True):
    row = photo_row(name, facts, list(faces), SIZE)
    return Answer(name, dict.fromkeys(models, row), textured(300, 400, 120) if image else None)


def shown(given, *models, request=""):
    known = {one.name: one for one in models or (model(),)}
    html = result(given, known, request)
    return html, Tree(html)


def test_verdict_score_and_threshold_come_first():
    html, tree = shown(answer(face()), request="abc-1")
    assert tree.words.strip().startswith("Looks fake Its p_fake of 0.90 is at or above the threshold of 0.50.")
    assert 'data-request="abc-1"' in html
    assert "400 x 300 pixels · 1 face" in tree.words
    assert tree.ids == ["df-verdict"]


@pytest.mark.parametrize(
    ("verdict", "p_fake", "words", "shape"),
    [
        ("fake", 0.9, "Looks fake", "<path"),
        ("real", 0.1, "Looks real", "<circle"),
        ("uncertain", 0.5, "Uncertain", "<path"),
    ],
)
def test_a_verdict_is_a_word_and_a_shape_not_a_colour_alone(verdict, p_fake, words, shape):
    html, _ = shown(answer(face(p_fake, verdict=verdict), facts=BAND), model(facts=BAND))
    (heading,) = re.findall(r"<h2[^>]*>(.*?)</h2>", html)
    assert words in heading
    assert shape in heading


def test_why_it_is_uncertain():
    _, band = shown(answer(face(0.55, verdict="uncertain"), facts=BAND), model(facts=BAND))
    assert "Its p_fake of 0.55 lies where this model cannot tell, between 0.40 and 0.60." in band.words
    flips = face(0.8, verdict="uncertain", reason="flips under mild re-encoding (1 of 5; JPEG 50: 0.31)")
    _, tree = shown(answer(flips))
    assert "at or above the threshold of 0.50, but flips under mild re-encoding (1 of 5" in tree.words
    _, nothing = shown(answer())
    assert nothing.words.strip().startswith("Not judged No face found.")


def test_evidence_is_under_a_switch_with_its_scale_and_regions():
    html, tree = shown(answer(face()))
    assert html.count('class="df-heat"') == 2
    (switch,) = [given for tag, given in tree.attributes if tag == "input"]
    assert switch["role"] == "switch"
    assert "Show where the evidence lies" in tree.words
    assert "eyes" in tree.words
    assert "hair/background" in tree.words
    bare, words = shown(answer(face(heat=None)))
    assert 'class="df-heat"' not in bare
    assert "df-switch" not in bare
    assert "Where the evidence lies" not in words.words
    _, calm = shown(answer(face(heat=0.0)))
    assert "No place speaks for either side." in calm.words


def test_every_picture_has_a_text_or_is_told_to_be_passed_over():
    _, tree = shown(answer(face(), face(0.2, (250, 60, 70, 70), "real")))
    pictures = [given for tag, given in tree.attributes if tag == "img"]
    assert len(pictures) == 6
    assert all("alt" in given for given in pictures)
    assert sum(bool(given["alt"]) for given in pictures) == 3
    assert all(given["src"].startswith("data:image/jpeg;base64,") for given in pictures)


def test_faces_are_numbered_from_left_to_right_whatever_their_order():
    row = photo_row("a", FACTS, [face(0.9, (250, 60, 70, 70)), face(0.2, (20, 60, 70, 70), "real")], SIZE)
    assert face_names(row) == ["Face 2", "Face 1"]
    tracks = tuple(replace(one, span=(0.0, 4.0), number=number) for one, number in zip(row.faces, (1, 2), strict=True))
    assert face_names(replace(row, kind="video", faces=tracks)) == ["Face 1", "Face 2"]  # as their tracks are called
    assert face_names(photo_row("a", FACTS, [face(box=None)], SIZE)) == ["The whole picture"]
    shots = tuple(replace(one, box=None) for one in tracks)
    assert face_names(replace(row, kind="video", faces=shots)) == ["Shot 1", "Shot 2"]
    assert face_names(photo_row("a", FACTS, [], SIZE)) == []


def test_boxes_lie_over_the_faces():
    html, _ = shown(answer(face(box=(100, 75, 80, 150))))
    assert "left:25.00%;top:25.00%;width:20.00%;height:50.00%" in html
    beyond, _ = shown(answer(FaceVerdict((-40, -30, 80, 60), None, "uncertain", "face outside the picture")))
    assert "left:0.00%;top:0.00%;width:10.00%;height:10.00%" in beyond


def test_many_faces_get_a_line_each():
    faces = [face(0.9 - i / 100, (30 * i, 50, 60, 60)) for i in range(MOST_CARDS + 3)]
    html, tree = shown(answer(*faces))
    assert html.count("<article") == MOST_CARDS
    assert "More faces" in tree.words
    assert "Face 9" in tree.words


def test_several_models_are_compared():
    strict = replace(FACTS, threshold=0.95)
    both = answer(face(), models=("first", "second"))
    row = photo_row("photo.jpg", strict, [face(verdict="real")], SIZE)
    given = replace(both, rows={**both.rows, "second": row})
    html, tree = shown(given, model("first"), model("second", strict))
    assert "The models disagree" in tree.words
    assert "1 model says fake, 1 model says real." in tree.words
    assert html.count('<details class="df-opinion') == 2
    assert html.count(' open><summary><span class="df-name">first') == 1
    _, agreed = shown(both, model("first"), model("second"))
    assert agreed.words.strip().startswith("Looks fake 2 models say fake.")
    _, nobody = shown(answer(models=("first", "second")), model("first"), model("second"))
    assert nobody.words.strip().startswith("Not judged No face found.")


def clip(*faces):
    row = replace(photo_row("a.mp4", FACTS, faces, SIZE), kind="video", timeline=((0.0, 0.2), (1.0, 0.9), (2.0, 0.4)))
    return Answer("a.mp4", {"m": replace(row, frame=textured(300, 400, 120))})


def test_a_clip_has_what_a_photo_has_and_a_line_over_time():
    then = face(box=(40, 60, 80, 100), frames=12, span=(0.0, 2.2))
    html, tree = shown(clip(replace(then, box=(100, 50, 160, 200))))  # its box where it was largest
    assert "1 face followed" in tree.words
    assert "Judged in 12 frames, 0.0 to 2.2 s." in tree.words
    assert "<polyline" in html
    assert "The most fake moment, at 1.0 s." in tree.words
    assert "A clip, judged frame by frame." in tree.words
    assert "Face 1" in tree.words
    assert "left:10.00%;top:20.00%;width:20.00%;height:33.33%" in html
    assert html.count('class="df-heat"') == 2
    assert "Show where the evidence lies" in tree.words
    assert "hair/background" in tree.words


def test_a_face_that_is_not_in_the_moment_shown_has_a_verdict_and_no_picture():
    gone = FaceVerdict((250, 60, 70, 70), 0.1, "real", frames=8, span=(2.4, 3.8))
    html, tree = shown(clip(face(frames=12, span=(0.0, 2.2)), gone))
    assert "Face 2 Looks real Judged in 8 frames, 2.4 to 3.8 s." in tree.words
    assert html.count('class="df-box') == html.count('class="df-crop') == 1


def test_the_models_card_holds_what_its_file_says():
    facts = replace(
        BAND, data_title="faces <b>", data_fingerprint="0123456789abcdef", test_summary="n 260: AUROC 0.781"
    )
    html, tree = shown(answer(face(), facts=facts), model(facts=facts))
    assert "faces <b> (fingerprint 0123456789ab)" in tree.words
    assert "n 260: AUROC 0.781" in tree.words
    assert "on validation 80% of 500 photos lay outside, and 9.0% of those answers were wrong" in tree.words
    assert "Stand-in, CPU, 1 thread" in tree.words
    assert "faces <b>" not in html


def test_names_are_shown_and_never_obeyed():
    name = '"><img src=x onerror=alert(1)>.jpg'
    html, tree = shown(answer(face(), name=name, models=("<b>m",)), model("<b>m"))
    assert name in tree.words
    assert "<b>m" in tree.words
    assert "onerror" not in str(tree.attributes)
    assert "<img src=x" not in html
    _, wrong = (problem("A <title>", name, name), Tree(problem("A <title>", name, name)))
    assert name in wrong.words
