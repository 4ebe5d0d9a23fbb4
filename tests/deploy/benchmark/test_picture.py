from typing import Any

import pytest
from matplotlib.axes import Axes

from dfdetect.deploy.benchmark.picture import accuracy_against_latency
from dfdetect.evaluation.canvas import save_figure
from tests.deploy.benchmark.examples import model, result


def drawn(axes: Axes) -> list[Any]:
    """Point and ends of the interval of each model."""
    bars: list[Any] = list(axes.containers)
    return [(bar.lines[0].get_xydata()[0].tolist(), [line.get_ydata()[0] for line in bar.lines[1]]) for bar in bars]


def test_each_model_is_a_point_with_its_interval(tmp_path):
    found = result(model("best.ckpt", "checkpoint", 40.0), model("a.onnx", "onnx", 10.0, "int8"))
    figure = accuracy_against_latency(found)
    assert len(figure.axes) == 2
    auroc, accuracy = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["best.ckpt (fp32)", "a.onnx (int8)"]
    assert drawn(auroc) == [([40.0, 0.8], pytest.approx([0.75, 0.85])), ([10.0, 0.8], pytest.approx([0.75, 0.85]))]
    assert drawn(accuracy) == [([40.0, 0.7], pytest.approx([0.65, 0.75])), ([10.0, 0.7], pytest.approx([0.65, 0.75]))]
    save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_one_class_is_said_not_drawn():
    figure = accuracy_against_latency(result(model("a.onnx", "onnx", 10.0, auroc=None), baseline=False))
    assert "one class" in figure.axes[0].texts[0].get_text()
