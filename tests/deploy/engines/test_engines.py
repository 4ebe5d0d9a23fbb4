import sys
import threading

import numpy as np
import pytest

from dfdetect.deploy.engines.engine import Pool, open_engine, require, usable_cores
from dfdetect.deploy.engines.openvino import OpenVinoEngine, openvino_settings
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import MissingExtraError, UsageError

LIBRARY = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}


@pytest.fixture(params=["onnx", "openvino", pytest.param("litert", marks=pytest.mark.slow)])
def kind(request):
    return request.param


@pytest.fixture
def model(kind, request):
    return request.getfixturevalue(f"tiny_{kind}")


def test_an_engine_that_is_not_installed_names_the_line_to_type(kind, model, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == LIBRARY[kind]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, LIBRARY[kind], None)
    line = rf"Running .* needs {LIBRARY[kind]}, .*: pip install 'dfdetect\[{kind}\]'"
    with pytest.raises(MissingExtraError, match=line):
        Detector.load(model)


def test_it_says_what_computes_and_on_how_many_threads(kind, model):
    for threads in (1, 2):
        engine = open_engine(model, threads, None)
        assert engine.threads == threads
        assert "CPU" in engine.provider
        assert engine.name.lower().replace(" ", "").startswith({"onnx": "onnxruntime"}.get(kind, kind))
    assert open_engine(model, None, "cpu").threads == usable_cores()
    with pytest.raises(UsageError, match=r"(?i)no provider 'quantum'.*CPU"):
        open_engine(model, 1, "quantum")


def judged(detector, batch):
    """(N, 1 + h w): scores and heatmaps beside each other."""
    p_fake, heatmap = detector.judge(batch)
    return np.concatenate([p_fake[:, None], heatmap.reshape(len(batch), -1)], axis=1)


def test_threads_do_not_disturb_each_other(model):
    detector = Detector.load(model, threads=1)
    size = detector.facts.input_size
    batches = [np.random.default_rng(i).integers(0, 256, (3, size, size, 3), np.uint8) for i in range(8)]
    wanted = [judged(detector, batch) for batch in batches]
    failures: list[int] = []

    def work(number: int) -> None:
        found = [judged(detector, batches[number]) for _ in range(20)]
        failures.extend(number for one in found if not np.allclose(one, wanted[number], atol=1e-4))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_results_are_the_callers_own(model):
    detector = Detector.load(model, threads=1)
    size = detector.facts.input_size
    first = np.zeros((1, size, size, 3), np.uint8)
    p_fake, heatmap = detector.judge(first)
    assert heatmap is not None
    kept = p_fake.copy(), heatmap.copy()
    detector.judge(first + 255)
    np.testing.assert_array_equal(p_fake, kept[0])
    np.testing.assert_array_equal(heatmap, kept[1])


def test_loading_says_nothing(model, capfd):
    Detector.load(model)
    assert capfd.readouterr() == ("", "")


def test_a_pool_makes_no_more_than_are_in_use_at_once():
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    pool = Pool(make)
    with pool.borrow() as one, pool.borrow() as other:
        assert {one, other} == {0, 1}
    for _ in range(5):
        with pool.borrow():
            pass
    with pytest.raises(RuntimeError), pool.borrow():
        raise RuntimeError
    with pool.borrow(), pool.borrow():
        pass
    assert made == [0, 1]


def test_a_library_that_is_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        require("broken_library", "onnx", "Anything")


@pytest.mark.parametrize(("threads", "streams"), [(1, 4), (2, 2), (3, 1), (4, 1), (8, 1)])
def test_openvino_runs_as_many_calls_at_once_as_the_cores_carry(tiny_openvino, monkeypatch, threads, streams):
    monkeypatch.setattr("dfdetect.deploy.engines.openvino.usable_cores", lambda: 4)
    facts = OpenVinoEngine(tiny_openvino, 1).facts
    settings = openvino_settings("CPU", threads, facts)
    assert (settings["NUM_STREAMS"], settings["INFERENCE_NUM_THREADS"]) == (streams, threads * streams)


def test_openvino_takes_its_streams(tiny_openvino):
    engine = OpenVinoEngine(tiny_openvino, 1)
    assert int(engine._compiled.get_property("NUM_STREAMS")) == usable_cores()
