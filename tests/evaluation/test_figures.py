"""Figures: what they say agrees with scikit-learn, and no input, however small, warns or crashes."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, roc_auc_score

from dfdetect.evaluation.canvas import MAX_POINTS, Image, Scores, save_figure
from dfdetect.evaluation.colours import CLASS_COLOURS
from dfdetect.evaluation.figures import (
    Labels,
    batch_figure,
    confusion_matrix_figure,
    curves_figure,
    mistakes_figure,
    pr_figure,
    roc_figure,
    roc_overlay_figure,
)

Drawing = Callable[[Labels, Scores, str], Figure]
EMPTY = np.array([], int), np.array([])
ONE_CLASS = [EMPTY, (np.array([1]), np.array([0.3])), (np.zeros(5, int), np.linspace(0, 1, 5))]


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def scores(n: int, seed: int = 0) -> tuple[Labels, Scores]:
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n) % 2)
    return label, 1 / (1 + np.exp(-(2 * label - 1 + rng.normal(0, 1.2, n))))


def photos(n: int) -> list[Image]:
    rng = np.random.default_rng(n)
    return [rng.integers(0, 256, (24 + 4 * (i % 3), 32, 3), np.uint8) for i in range(n)]


def words(figure: Figure) -> str:
    """Every text of a figure, once it has been drawn."""
    figure.canvas.draw()
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    found += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join([figure.get_suptitle(), *found])


def test_confusion_matrix_shows_counts_row_percentages_and_n() -> None:
    figure = confusion_matrix_figure(np.array([[1500, 500], [3, 7]]), "Test split")
    shown = words(figure)
    assert shown.startswith("Test split\nn = 2,010")
    for cell in ("1,500\n75.0% of real", "500\n25.0% of real", "3\n30.0% of fake", "7\n70.0% of fake"):
        assert cell in shown
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("verdict", "truth")
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["real", "fake"]


def test_confusion_matrix_without_photos_of_a_class() -> None:
    assert words(confusion_matrix_figure(np.array([[0, 0], [1, 3]]), "t")).count("0\nno real photos") == 2
    assert "n = 0" in words(confusion_matrix_figure(np.zeros((2, 2), int), "t"))
    with pytest.raises(ValueError, match="shape"):
        confusion_matrix_figure(np.zeros((3, 3), int), "t")


@pytest.mark.parametrize("n", [2, 3, 400, 20_000])
def test_roc_agrees_with_scikit_learn(n: int) -> None:
    label, p_fake = scores(n)
    figure = roc_figure(label, p_fake, "Validation")
    shown = words(figure)
    assert f"AUROC {roc_auc_score(label, p_fake):.3f}" in shown
    assert f"n = {n:,} ({(label == 0).sum():,} real, {label.sum():,} fake)" in shown
    (axes,) = figure.axes
    assert axes.get_xlabel().startswith("false positive rate")
    curve, point, chance = axes.lines
    assert chance.get_label() == "chance"
    assert len(np.asarray(curve.get_xdata())) <= MAX_POINTS
    assert np.asarray(curve.get_xydata())[[0, -1]].tolist() == [[0, 0], [1, 1]]
    called = p_fake >= 0.5
    assert np.asarray(point.get_xydata()).tolist() == [[called[label == 0].mean(), called[label == 1].mean()]]


@pytest.mark.parametrize("n", [2, 3, 400, 20_000])
def test_pr_agrees_with_scikit_learn(n: int) -> None:
    label, p_fake = scores(n)
    figure = pr_figure(label, p_fake, "Validation")
    shown = words(figure)
    assert f"average precision {average_precision_score(label, p_fake):.3f}" in shown
    assert f"prevalence of fake {label.mean():.3f}" in shown
    assert f"n = {n:,}" in shown
    (axes,) = figure.axes
    assert axes.get_xlabel().startswith("recall")
    assert axes.get_ylabel().startswith("precision")
    assert len(np.asarray(axes.lines[0].get_xdata())) <= MAX_POINTS


@pytest.mark.parametrize("draw", [roc_figure, pr_figure])
@pytest.mark.parametrize(("label", "p_fake"), ONE_CLASS)
def test_one_class_is_said_to_be_undefined(draw: Drawing, label: Labels, p_fake: Scores) -> None:
    assert f"undefined: only one class (n={len(label)})" in words(draw(label, p_fake, "t"))


@pytest.mark.parametrize("draw", [roc_figure, pr_figure])
def test_scores_that_are_not_finite_are_left_out_and_counted(draw: Drawing) -> None:
    label, p_fake = scores(50)
    p_fake[:3] = [np.nan, np.inf, -np.inf]
    assert "n = 47" in words(draw(label, p_fake, "t"))
    assert ", 3 without a score" in words(draw(label, p_fake, "t"))
    assert "only one class (n=0)" in words(draw(label, np.full(50, np.nan), "t"))


@pytest.mark.parametrize("draw", [roc_figure, pr_figure])
def test_wrong_input_is_refused(draw: Drawing) -> None:
    with pytest.raises(ValueError, match="sigmoid"):
        draw(np.array([0, 1]), np.array([-3.0, 2.0]), "t")
    with pytest.raises(ValueError, match="0 for real"):
        draw(np.array([-1, 1]), np.array([0.2, 0.4]), "t")
    with pytest.raises(ValueError, match="lengths"):
        draw(np.array([0, 1]), np.array([0.2]), "t")


def test_a_calibrated_threshold_moves_the_verdicts() -> None:
    label, p_fake = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.7, 0.9])
    assert "threshold 0.65: FPR 0.000, TPR 1.000" in words(roc_figure(label, p_fake, "t", threshold=0.65))
    assert "threshold 0.4999: " in words(roc_figure(label, p_fake, "t", threshold=0.49991))
    figure = mistakes_figure(photos(4), label, p_fake, list("abcd"), "t", threshold=0.75)
    assert [axes.get_title() for axes in figure.axes] == ["fake called real\np_fake 0.70"]


def test_overlay_names_every_curve_with_its_auroc() -> None:
    curves = [(f"seed {seed}", *scores(200, seed)) for seed in range(7)]
    figure = roc_overlay_figure([*curves, ("real only", *ONE_CLASS[2])], "Seeds")
    shown = words(figure)
    for name, label, p_fake in curves:
        assert f"{name}: AUROC {roc_auc_score(label, p_fake):.3f} (n=200)" in shown
    assert "real only: undefined: only one class (n=5)" in shown
    assert len(figure.axes[0].lines) == 9
    assert "no curves" in words(roc_overlay_figure([], "Seeds"))


def test_overlay_keeps_curves_that_share_a_name() -> None:
    figure = roc_overlay_figure([("_same", *scores(20))] * 2, "Seeds")
    assert words(figure).count("_same: AUROC") == 2


@pytest.mark.parametrize("n", [1, 2, 5, 16, 20])
def test_mistakes_come_most_confident_first(n: int) -> None:
    label = np.arange(n) % 2
    p_fake = np.where(label == 1, 0.4, 0.6) + (1 - 2 * label) * np.linspace(0, 0.39, n)
    names = [f"folder/photo_{i}.jpg" for i in range(n)]
    figure = mistakes_figure(photos(n), label, p_fake, names, "Test")
    shown = words(figure)
    assert len(figure.axes) == min(n, 16)
    assert f"most confident mistakes: {min(n, 16)} shown, n = {n}" in shown
    truth, verdict = ("fake", "real") if label[-1] else ("real", "fake")
    assert figure.axes[0].get_title() == f"{truth} called {verdict}\np_fake {p_fake[-1]:.2f}"
    assert figure.axes[0].get_xlabel() == f"photo_{n - 1}.jpg"
    assert to_hex(figure.axes[0].spines["left"].get_edgecolor()) == CLASS_COLOURS[label[-1]].lower()


def test_mistakes_may_be_few_of_many_and_none_of_them() -> None:
    label, p_fake = np.array([0, 1, 1]), np.array([0.5, 0.49, np.nan])
    shown = words(mistakes_figure(photos(3), label, p_fake, ["a", "b", "c"], "t", n=9000))
    assert "most confident mistakes: 2 shown, n = 9,000" in shown
    assert "No mistakes" in words(mistakes_figure(photos(3), label, label * 1.0, ["a", "b", "c"], "t"))
    assert "No mistakes" in words(mistakes_figure([], *EMPTY, [], "t"))
    with pytest.raises(ValueError, match="lengths"):
        mistakes_figure(photos(3), label, p_fake, ["a", "b"], "t")


def test_any_file_name_and_title_can_be_drawn() -> None:
    names = ["C:\\x\\$a$_顔写真\t😀.png", "very" * 30 + ".jpg", "/x/$frac{$.png"]
    title = "A title of many words $x^2$ 顔 " * 20
    figure = mistakes_figure(photos(3), np.array([0, 0, 0]), np.array([0.9, 0.8, 0.7]), names, title)
    shown = words(figure)
    # The backslashes are not drawn: they keep the dollars from starting mathematics.
    assert r"\$a\$_?????.png" in shown
    assert r"\$frac{\$.png" in shown
    assert all(len(line) < 90 for line in shown.splitlines())
    words(roc_overlay_figure([(names[0], *scores(20)), (names[1], *scores(20))], title))


@pytest.mark.parametrize("n", [0, 1, 7, 32, 40])
def test_batch_names_and_frames_each_class(n: int) -> None:
    label = np.arange(n) % 2
    figure = batch_figure(photos(n), label, "First batch")
    shown = words(figure)
    assert f"{min(n, 32)} shown, n = {n}" in shown
    if n == 0:
        assert "No photos" in shown
        return
    assert [axes.get_title() for axes in figure.axes] == [("real", "fake")[truth] for truth in label[:32]]
    edges = [to_hex(axes.spines["top"].get_edgecolor()) for axes in figure.axes]
    assert edges == [CLASS_COLOURS[truth].lower() for truth in label[:32]]


def test_curves_have_a_panel_per_metric_and_mark_the_best_epoch() -> None:
    metrics = ("loss", "accuracy", "auroc")
    history = {f"{split}/{m}": [(e, e / 10) for e in range(5)] for split in ("train", "val") for m in metrics}
    history["val/auroc"] = [(0, 0.7), (1, float("nan")), (2, 0.9), (3, 0.9), (4, 0.8)]
    figure = curves_figure(history, "Run")
    shown = words(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "AUROC", "accuracy"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch"]
    assert "n = 5 epochs, best val AUROC 0.900 at epoch 2" in shown
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "val", "best epoch"]
    assert all(list(np.asarray(axes.lines[-1].get_xdata())) == [2, 2] for axes in figure.axes)


def test_curves_of_short_odd_and_empty_histories() -> None:
    assert "No epochs" in words(curves_figure({}, "Run"))
    assert "No epochs" in words(curves_figure({"train/loss": []}, "Run"))
    assert "best" not in words(curves_figure({"val/auroc": [(0, float("nan"))]}, "Run"))
    assert "n = 1 epochs" in words(curves_figure({"train/loss": [(0, 0.7)]}, "Run"))
    many = {f"val/metric_{i}": [(e, 0.1 * e * i) for e in range(100)] for i in range(5)} | {"lr": [(0, float("inf"))]}
    figure = curves_figure(many, "Run")
    assert words(figure).count("epoch") == 3
    assert len(figure.axes) == 6


def test_save_writes_a_png_and_leaves_nothing_else(tmp_path: Path) -> None:
    figure = roc_figure(*scores(20), "t")
    path = tmp_path / "new" / "roc.png"
    save_figure(figure, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    save_figure(figure, str(path))
    assert list(path.parent.iterdir()) == [path]


def test_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roc.png"
    path.write_text("old")

    def fail(self: Figure, target: Path, **options: object) -> None:
        target.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(Figure(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_import_loads_neither_pyplot_nor_scikit_learn() -> None:
    heavy = {"matplotlib.pyplot", "sklearn", "torch"}
    code = f"import sys, dfdetect.evaluation.figures; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
