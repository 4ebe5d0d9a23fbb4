import os
from pathlib import Path

import pytest
from PIL import Image

from dfdetect.deploy.benchmark import process
from dfdetect.deploy.benchmark.process import Worker, cores_for
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import BenchmarkError


@pytest.fixture
def photo() -> Path:
    Image.effect_noise((64, 48), 60).convert("RGB").save("photo.png")
    return Path("photo.png")


@pytest.fixture
def worker(tiny_onnx, photo):
    with Worker(tiny_onnx, 1, "cpu", photo) as started:
        yield started


def test_its_first_verdict_is_the_detectors(worker, tiny_onnx, photo):
    (wanted,) = Detector.load(tiny_onnx, 1).predict([photo])
    assert worker.first["p_fake"] == pytest.approx(wanted.p_fake, abs=1e-6)
    assert ModelFacts.from_strings(worker.first["facts"]) == Detector.load(tiny_onnx).facts
    assert worker.first["engine"].startswith("ONNX Runtime ")
    assert worker.first["provider"] == "CPUExecutionProvider"
    assert 0 < sum(worker.first["seconds"].values()) < worker.seconds


def test_it_times_and_judges(worker, photo):
    taken = worker.ask(do="time", batch=2, seconds=0.01, least=5)["seconds"]
    assert len(taken) >= 5
    assert all(0 < one < 10 for one in taken)
    answer = worker.ask(do="judge", paths=[str(photo), "missing.png"])
    assert answer == {"p_fake": [worker.first["p_fake"], None], "errors": [None, "no such file"]}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no process can be kept on cores here")
def test_it_stays_on_as_many_cores_as_it_has_threads(worker):
    assert os.sched_getaffinity(worker._process.pid) == set(cores_for(1))


def test_the_error_and_exit_code_are_those_of_every_command(photo, tiny_onnx):
    content = tiny_onnx.read_bytes()
    Path("cut.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(BenchmarkError, match=r"cut\.onnx") as caught:
        Worker(Path("cut.onnx"), 1, "cpu", photo)
    assert caught.value.exit_code == 1
    with pytest.raises(BenchmarkError, match="CPUExecutionProvider") as caught:
        Worker(tiny_onnx, 1, "quantum", photo)
    assert caught.value.exit_code == 2


def test_a_killed_process_is_an_error_not_a_hang(worker):
    worker._process.kill()
    with pytest.raises(BenchmarkError, match=r"its process ended \(-?\d+\)\. It said nothing"):
        worker.ask(do="time", batch=1, seconds=1, least=1)


def test_what_it_said_last_is_shown(tiny_onnx, photo, monkeypatch):
    monkeypatch.setattr(process, "WORKER", "no_such_module")
    with pytest.raises(BenchmarkError, match="No module named no_such_module"):
        Worker(tiny_onnx, 1, "cpu", photo)


def test_physical_cores_come_first(monkeypatch):
    siblings = {0: "0,1", 1: "0,1", 2: "2,3", 3: "2,3", 6: "6,7"}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(siblings), raising=False)
    monkeypatch.setattr(process, "_siblings", siblings.__getitem__)
    assert cores_for(3) == [0, 2, 6]
    assert cores_for(5) == [0, 2, 6, 1, 3]
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores_for(3) == []
