"""The page shows the figures of the results, holds everything it shows, and no name becomes markup."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from dfdetect.evaluation.contents import PartCount, RunContents
from dfdetect.evaluation.evaluate import evaluate
from dfdetect.evaluation.limits import find_limits
from dfdetect.evaluation.run_report import render
from tests.evaluation.test_evaluate import predictions
from tests.evaluation.test_limits import POINT, good_run, scores, with_note
from tests.evaluation.test_page import parse

HOSTILE = "<script>alert(1)</script>\"'&`x"


class Page(HTMLParser):
    """Rows of all tables as texts, headings, and the addresses of pictures."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.headings: list[str] = []
        self.sources: list[str] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("h1", "h2"):
            self.headings.append("")
        if tag == "img":
            self.sources.append(str(dict(attrs)["src"]))
        self.inside = tag if tag in ("td", "th", "h1", "h2") else self.inside

    def handle_data(self, data):
        if self.inside in ("td", "th"):
            self.rows[-1][-1] += data
        if self.inside in ("h1", "h2"):
            self.headings[-1] += data

    def handle_endtag(self, tag):
        self.inside = "" if tag in ("td", "th", "h1", "h2") else self.inside

    def row(self, first: str) -> list[str]:
        return next(row for row in self.rows if row and row[0].startswith(first))


def png(colour: int = 0) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), (colour, 0, 0)).save(content, "PNG")
    return content.getvalue()


def show(run: RunContents) -> str:
    return render(run, find_limits(run))


@pytest.fixture(scope="module")
def run() -> RunContents:
    result = evaluate(
        predictions(*scores(400), source=["", "gan"] * 200), threshold=0.4, resamples=100, temperature=2.0
    )
    curves = {"corruptions": {"blur": {"severities": [POINT]}}, "weakest": POINT, "most_flips": POINT, "n": 400}
    other = evaluate(predictions(*scores(300, 0.5)), resamples=100)
    return replace(
        good_run(),
        metrics=result,
        others={"dfdc": other | {"best_threshold": 0.3, "accuracy_at_best_threshold": 0.61}},
        robustness=curves | {"clean": {"auroc": result["auroc"]}},
        commands=[("2026-01-01 10:00", "dfdetect fit --config demo")],
        figures={"roc": png(1), "mistakes": png(2), "robustness": png(3), "curves": png(4)},
    )


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("accuracy", ("accuracy", "accuracy_at_half")),
        ("specificity", ("specificity", "specificity_at_half")),
        ("F1", ("f1", "f1_at_half")),
        ("AUROC", ("auroc",)),
        ("TPR at 1%", ("tpr_at_fpr_1",)),
        ("AURC", ("aurc",)),
        ("ECE", ("ece", "ece_uncalibrated")),
        ("log loss", ("log_loss", "log_loss_uncalibrated")),
    ],
)
def test_figures_and_intervals_are_those_of_the_results(run, title, names):
    cells = Page(show(run)).row(title)[1:]
    for name, cell in zip(names, cells, strict=True):
        low, high = run.metrics["intervals"][name]
        assert cell == f"{run.metrics[name]:.3f} {low:.3f} to {high:.3f}"


def test_sections_are_there_where_there_is_something_to_show(run):
    full = Page(show(run))
    optional = ["By source", "On other data", "When photos are changed", "Worst mistakes"]
    assert [heading for heading in full.headings if heading in optional] == optional
    assert full.row("gan")[1] == "200"
    assert full.row("blur 2")[3].startswith("0.300")
    assert full.row("dfdc")[1] == "300"
    assert full.row("train")[1:5] == ["800", "400", "400", "500"]
    assert "dfdetect fit --config demo" in show(run)
    bare = replace(run, metrics=evaluate(predictions(*scores(50))), others={}, robustness=None, figures={})
    assert not set(optional) & set(Page(show(bare)).headings)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.0, 0.4, "200 of 200 photos are called real, whatever they are: so are 100 of the 100 that are fake."),
        (0.6, 1.0, "200 of 200 photos are called fake, whatever they are: so are 100 of the 100 that are real."),
        (0.1, 0.9, None),
    ],
)
def test_that_other_data_got_one_verdict_is_said(low, high, said, run):
    label = np.arange(200) % 2
    other = evaluate(predictions(label, np.linspace(low, high, 200)), 0.5, resamples=0)
    html = show(replace(run, others={"<dfdc>": other}))
    assert ("whatever they are" in html) == (said is not None)
    assert said is None or f"<p>&lt;dfdc&gt;: {said}</p>" in html


def test_pictures_are_inside_and_nothing_is_fetched(run):
    html = show(run)
    parse(html)
    sources = Page(html).sources
    assert len(sources) == 4
    stored = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources]
    assert sorted(stored) == sorted(run.figures.values())
    assert not re.search(r"https?://|@import|url\(|<script|<link|file:", html)


def test_limits_stand_on_the_page_worst_first_and_a_leak_in_the_verdict(run):
    html = show(with_note(run, "Leak: the split tears 3 groups apart."))
    assert html.index("The split tears 3 groups") < html.index("Photos that were changed")
    assert "Do not trust these figures" in html
    assert 'class="verdict leak"' in html
    assert "Do not trust" not in show(run)
    assert "Nothing was found that limits" in show(good_run())


def test_a_hostile_name_is_text_wherever_it_stands(run):
    source = ["", HOSTILE] * 20
    result = evaluate(predictions(*scores(40), source=source), resamples=20)
    result["notes"].append(HOSTILE)
    finding = dict.fromkeys(("title", "meaning", "remedy"), HOSTILE) | {"kind": HOSTILE, "severity": "leak"}
    point = POINT | {"corruption": HOSTILE}
    hostile = replace(
        run,
        name=HOSTILE,
        checkpoint=HOSTILE,
        facts={"split": {"root": HOSTILE, "kind": HOSTILE, "layout": HOSTILE}, "versions": {HOSTILE: HOSTILE}},
        model={"backbone": HOSTILE, "lr": HOSTILE},
        data={"manifest": HOSTILE},
        trainer={"precision": HOSTILE, "augment": HOSTILE},
        commands=[(HOSTILE, HOSTILE)],
        counts=[PartCount("train", 1, 1, 1, {HOSTILE: 2})],
        metrics=result | {"root": HOSTILE},
        robustness=run.robustness | {"corruptions": {HOSTILE: {"severities": [point]}}, "weakest": point},
        others={HOSTILE: run.others["dfdc"]},
        audit={"findings": [finding]},
        troubles=[HOSTILE],
    )
    html = show(hostile)
    assert "script" not in parse(html).seen
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 15


@pytest.mark.parametrize("missing", ["everything", "metrics", "facts", "intervals", "one class", "old"])
def test_what_is_missing_is_left_out_with_a_word(run, missing):
    result = run.metrics
    old = {k: v for k, v in result.items() if k not in ("temperature", "per_column", "worst_group", "n_groups")}
    changed = {
        "everything": RunContents("bare"),
        "metrics": replace(run, metrics=None),
        "facts": replace(run, facts={}, model={}, counts=(), commands=()),
        "intervals": replace(run, metrics=result | {"intervals": {}}),
        "one class": replace(run, metrics=evaluate(predictions(np.ones(9), np.linspace(0, 1, 9)))),
        "old": replace(run, metrics={k: v for k, v in old.items() if "_at_half" not in k and "uncal" not in k}),
    }
    html = show(changed[missing])
    parse(html)
    expected = {
        "everything": "Its checkpoint is gone",
        "metrics": "was not judged",
        "facts": "No command line was noted",
        "one class": "one of the classes is missing",
    }
    assert expected.get(missing, "Test figures") in html


def test_curves_on_another_set_stand_under_its_name(run):
    curves = run.robustness | {"n": 77, "corruptions": {"jpeg": {"severities": [POINT | {"corruption": "jpeg"}]}}}
    both = replace(run, others_robustness={HOSTILE: curves}, figures=run.figures | {f"robustness of {HOSTILE}": png(9)})
    html = show(both)
    parse(html)
    assert "<h3>On &lt;script&gt;" in html
    assert "of 77 images" in html
    assert Page(html).row("jpeg 2")
    assert len(Page(html).sources) == 5
    alone = Page(show(replace(both, robustness=None)))
    assert "When photos are changed" in alone.headings
    assert "blur 2" not in [row[0] for row in alone.rows if row]


@pytest.mark.parametrize(
    ("best", "stored", "said"), [(0.49871, 0.49912, "0.4987, not 0.4991"), (0.4, 0.4, "0.4, as stored")]
)
def test_thresholds_that_differ_look_different(run, best, stored, said):
    other = run.others["dfdc"] | {"best_threshold": best, "threshold": stored}
    assert Page(show(replace(run, others={"dfdc": other}))).row("dfdc")[-1] == f"0.610 {said}"


def test_a_threshold_near_a_half_is_not_called_a_half_beside_the_figures_at_one_half(run):
    assert run.metrics is not None
    near = replace(run, metrics=run.metrics | {"threshold": 0.49991, "temperature": 0.99996})
    html = show(near)
    assert "at its threshold 0.4999" in html
    assert "At its threshold of 0.4999," in html
    assert "calibrated (temperature 0.99996)" in html
