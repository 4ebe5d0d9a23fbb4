from pathlib import Path

import numpy as np
import pytest

from dfdetect.deploy.benchmark import measure
from dfdetect.deploy.benchmark.measure import Settings, add_ratios, measure_speed, measure_start, size_of
from tests.deploy.benchmark.examples import model

FILES = [Path("a.onnx"), Path("b.tflite")]
SETTINGS = Settings((1, 2), (1, 4), rounds=3, seconds=2.0, provider="cpu", photo=Path("photo.jpg"))


@pytest.fixture
def diary(monkeypatch):
    """What workers were asked, in order; each call takes a millisecond for each time its model was asked before."""
    entries: list[tuple[str, int, int, float, int]] = []

    class Fake:
        def __init__(self, file, threads, provider, photo):
            self.name, self.threads = file.stem, threads
            self.seconds = 4.0
            self.first = {"seconds": {"import": 1.0, "load": 0.5, "verdict": 0.25}, "peak_bytes": 30_000_000}
            entries.append((self.name, threads, 0, 0.0, 0))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def ask(self, do, batch, seconds, least):
            assert do == "time"
            entries.append((self.name, self.threads, batch, seconds, least))
            turn = sum(1 for entry in entries if entry[:3] == (self.name, self.threads, batch)) - 1
            return {"seconds": [0.001 * turn] * 9 + [0.1]}

    monkeypatch.setattr(measure, "Worker", Fake)
    return entries


def plain(items, total, title):
    listed = list(items)
    assert len(listed) == total
    return listed


def test_models_take_turns_after_a_warm_up(diary):
    rows = measure_speed(FILES, SETTINGS, plain)
    with_two_threads = [entry for entry in diary if entry[1] == 2]
    starts = [("a", 2, 0, 0.0, 0), ("a", 2, 1, 0.5, 1), ("a", 2, 4, 0.5, 1)]
    assert with_two_threads[:3] == starts
    assert [entry[0] for entry in with_two_threads[6:]] == list("aabb") * 3
    assert {entry[3:] for entry in with_two_threads[6:] if entry[2] == 1} == {(2.0, 100)}
    assert {entry[3:] for entry in with_two_threads[6:] if entry[2] == 4} == {(2.0, 1)}
    assert [(row["threads"], row["batch"]) for row in rows[0]] == [(1, 1), (1, 4), (2, 1), (2, 4)]


def test_figures_are_medians_over_rounds_without_the_warm_up(diary):
    row = measure_speed(FILES, SETTINGS, plain)[1][3]
    turns = [np.array([0.001 * turn] * 9 + [0.1]) for turn in (1, 2, 3)]  # 0 was the warm-up
    for share in (50, 90, 99):
        assert row[f"p{share}_ms"] == pytest.approx(1000 * np.median([np.percentile(turn, share) for turn in turns]))
    assert row["images_s"] == pytest.approx(4 * 10 / (9 * 0.002 + 0.1))
    assert row["calls"] == 30


def test_starts_take_turns_and_their_steps_add_up(diary):
    starts = measure_start(FILES, SETTINGS, plain)
    assert [entry[0] for entry in diary] == list("ab") * 3
    assert {entry[1] for entry in diary} == {1}
    assert starts[0] == {
        "cold_start_s": {"python": 2.25, "import": 1.0, "load": 0.5, "verdict": 0.25, "total": 4.0},
        "peak_mb": 30.0,
    }


def test_more_than_one_means_better_than_the_first_everywhere():
    slow, fast = model("a.ckpt", "checkpoint", 40.0), model("b.onnx", "onnx", 10.0)
    add_ratios([slow, fast], True)
    assert [row["speedup"] for row in slow["speed"]] == [1.0] * 4
    assert [row["speedup"] for row in fast["speed"]] == pytest.approx([4.0] * 4)
    assert [row["throughput_ratio"] for row in fast["speed"]] == pytest.approx([4.0] * 4)
    assert fast["ratios"] == pytest.approx({"size": 4.0, "peak_memory": 4.0, "cold_start": 4.0})


def test_without_a_baseline_or_a_figure_there_is_no_ratio():
    one, two = model("a.onnx", "onnx", 40.0), model("b.onnx", "onnx", 10.0)
    add_ratios([one, two], False)
    assert {row[name] for row in two["speed"] for name in ("speedup", "throughput_ratio")} == {None}
    assert two["ratios"] is None


def test_memory_that_is_not_told_has_no_ratio():
    one, two = model("a.onnx", "onnx", 40.0), model("b.onnx", "onnx", 10.0)
    two["peak_mb"] = None
    add_ratios([one, two], True)
    assert two["ratios"]["peak_memory"] is None
    assert two["ratios"]["size"] == 4.0


def test_the_weights_beside_an_xml_count():
    Path("m.xml").write_bytes(b"12")
    Path("m.bin").write_bytes(b"345")
    Path("m.onnx").write_bytes(b"6789")
    assert size_of(Path("m.xml")) == 5
    assert size_of(Path("m.onnx")) == 4
