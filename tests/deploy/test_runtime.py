import os
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from dfdetect.data.cache import Decoder
from dfdetect.data.decode import decode
from dfdetect.deploy import Detector, Prediction
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.errors import ModelFileError, UsageError


@pytest.fixture(scope="module")
def detector(tiny_onnx) -> Detector:
    return Detector.load(tiny_onnx, threads=1)


def test_predictions_are_those_of_the_network_on_the_trainings_pixels(detector, photos, tiny_network):
    pixels = np.stack([Decoder(32).load(0, photo) for photo in photos])
    with torch.inference_mode():
        p_fake, heatmap = tiny_network(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))
    found = detector.predict(photos, batch_size=7)
    assert [one.p_fake for one in found] == pytest.approx(p_fake.tolist(), abs=1e-5)
    for one, wanted in zip(found, heatmap.numpy(), strict=True):
        assert one.heatmap is not None
        assert one.heatmap.dtype == np.float32
        np.testing.assert_allclose(one.heatmap, wanted, atol=1e-4)


def test_paths_and_pixels_of_any_size_give_the_same(detector, photos, tmp_path):
    from_paths = detector.predict(photos[:3])
    from_pixels = detector.predict([decode(photo) for photo in photos[:3]])
    assert [one.p_fake for one in from_paths] == [one.p_fake for one in from_pixels]
    assert detector.predict(photos[0])[0].p_fake == from_paths[0].p_fake
    assert detector.predict(decode(photos[0]))[0].p_fake == from_paths[0].p_fake
    assert detector.predict([]) == []
    assert [one.p_fake for one in detector.predict(iter(photos[:3]))] == [one.p_fake for one in from_paths]


def test_an_array_of_pictures_is_so_many(detector):
    batch = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    assert [one.p_fake for one in detector.predict(batch)] == [one.p_fake for one in detector.predict(list(batch))]


def test_an_iterator_is_drawn_batch_by_batch(detector, monkeypatch):
    drawn = 0

    def pictures():
        nonlocal drawn
        for _ in range(10):
            drawn += 1
            yield np.zeros((40, 40, 3), np.uint8)

    judged, judge = [], type(detector).judge

    def counted(self, batch):
        judged.append((drawn, len(batch)))
        return judge(self, batch)

    monkeypatch.setattr(type(detector), "judge", counted)
    assert len(detector.predict(pictures(), batch_size=4)) == 10
    assert judged == [(4, 4), (8, 4), (10, 2)]


def test_the_bytes_of_a_file_are_a_callers_mistake(detector, photos):
    for given in (b"\xff\xd8", [b"\xff\xd8"], [photos[0], os.fsencode(photos[0])]):
        with pytest.raises(ValueError, match="of a file's bytes make pixels"):
            detector.predict(given)


def test_a_file_that_cannot_be_read_is_a_row_with_its_cause(detector, photos, tmp_path):
    empty = tmp_path / "empty.jpg"
    empty.touch()
    rows = detector.predict([photos[0], empty, tmp_path, "missing.png", photos[1]], batch_size=2)
    assert [row.p_fake is None for row in rows] == [False, True, True, True, False]
    assert rows[1] == Prediction(None, None, "empty file")
    assert rows[3].error == "no such file"
    assert rows[2].error
    assert rows[0].error is None
    assert [row.error for row in detector.predict([empty, empty])] == ["empty file"] * 2


@pytest.mark.parametrize(("shape", "kind"), [((8, 8), "u1"), ((8, 8, 4), "u1"), ((8, 8, 3), "f8"), ((0, 8, 3), "u1")])
def test_other_pixels_are_a_callers_mistake(detector, shape, kind):
    with pytest.raises(ValueError, match="A picture is"):
        detector.predict([np.zeros(shape, kind)])


def test_judge_takes_prepared_batches_only(detector):
    p_fake, heatmaps = detector.judge(np.zeros((3, 32, 32, 3), np.uint8))
    assert p_fake.shape == (3,)
    assert heatmaps is not None
    assert heatmaps.shape[0] == 3
    assert len(detector.judge(np.zeros((0, 32, 32, 3), np.uint8))[0]) == 0
    for batch in (np.zeros((1, 3, 32, 32), np.uint8), np.zeros((1, 32, 32, 3), np.float32)):
        with pytest.raises(ValueError, match="A batch is"):
            detector.judge(batch)


def test_it_says_what_runs_it(detector):
    assert detector.describe().startswith("ONNX Runtime ")
    assert detector.describe().endswith("CPUExecutionProvider, 1 thread")
    assert detector.facts.format == "onnx"


def test_a_checkpoint_runs_by_the_same_commands(detector, tiny_checkpoint, photos):
    own = Detector.load(tiny_checkpoint, threads=1)
    assert own.describe().startswith("PyTorch ")
    assert own.facts.format == "checkpoint"
    wanted = [one.p_fake for one in detector.predict(photos)]
    assert [one.p_fake for one in own.predict(photos)] == pytest.approx(wanted, abs=1e-5)


def test_many_threads_get_what_one_gets(detector, photos):
    wanted = [one.p_fake for one in detector.predict(photos)]
    found: dict[int, list[float | None]] = {}

    def work(number: int) -> None:
        found[number] = [one.p_fake for _ in range(5) for one in detector.predict(photos, batch_size=number + 1)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for values in found.values():
        assert values == pytest.approx(wanted * 5, abs=1e-6)


def test_the_encoding_of_the_training_is_applied(tiny_onnx, photos):
    class Kept:
        name, provider, threads = "kept", "none", 1

        def __init__(self, facts: ModelFacts) -> None:
            self.facts = facts

        def __call__(self, batch):
            self.batch = batch
            return np.full(len(batch), 0.5, np.float32), None

    from dataclasses import replace

    engine = Kept(replace(Detector.load(tiny_onnx).facts, normalise_encoding=40, crop="center"))
    (row,) = Detector(engine).predict(photos[:1])
    assert row == Prediction(0.5)
    np.testing.assert_array_equal(engine.batch[0], Decoder(32, "center", 40).load(0, photos[0]))


def test_scores_that_are_no_numbers_are_not_passed_on(detector):
    class Broken:
        name, provider, threads, facts = "broken", "none", 1, detector.facts

        def __call__(self, batch):
            return np.full(len(batch), np.nan, np.float32), None

    with pytest.raises(ModelFileError, match="not finite"):
        Detector(Broken()).judge(np.zeros((1, 32, 32, 3), np.uint8))


def test_what_is_no_model_is_refused_before_anything_is_loaded(tmp_path, tiny_onnx):
    Image.new("RGB", (4, 4)).save("photo.png")
    with pytest.raises(UsageError, match=r"\.onnx, \.xml, \.tflite, \.ckpt"):
        Detector.load("photo.png")
    with pytest.raises(ModelFileError, match="no such model"):
        Detector.load("missing.onnx")
    with pytest.raises(UsageError, match="at least 1"):
        Detector.load(tiny_onnx, threads=0)
    with pytest.raises(UsageError, match="CPUExecutionProvider"):
        Detector.load(tiny_onnx, provider="quantum")
