"""`data.crop: face`: the largest face is cut out, once found, and pictures without one are counted."""

import os

import numpy as np
import pytest

from dfdetect.data.cache import Decoder, DiskStore
from dfdetect.data.decode import decode
from dfdetect.data.face_crop import DEFAULT_MARGIN, FaceCutter, cut_square
from dfdetect.data.resize import resize
from dfdetect.errors import DownloadError, UsageError
from tests.deploy.standin import find_marked

from .marked_faces import draw_marked, stand_in
from .test_datamodule import module


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return draw_marked(tmp_path_factory.mktemp("marked") / "faces", 40, without=(2, 3, 17))


@pytest.fixture
def finder(monkeypatch, tmp_path):
    return stand_in(monkeypatch, tmp_path)


def expected(file, size, margin, quality=None):
    image = decode(file)
    faces = find_marked(image)
    cut = cut_square(image, faces[0], margin).pixels if faces else image
    return Decoder(size, "center", quality).prepare(cut, file)


def set_up(root, stage="fit", **settings):
    data = module(root, **{"crop": "face", "cache": "off", "augment": []} | settings)
    data.setup(stage)
    return data


@pytest.mark.parametrize(("margin", "quality"), [(DEFAULT_MARGIN, None), (0.0, None), (0.5, 40)])
def test_pixels_are_those_of_the_faces_square(margin, quality, root, finder):
    data = set_up(root, face_margin=margin, normalise_encoding=quality)
    for name in ("train", "val"):
        dataset = data.datasets[name]
        for place in range(len(dataset)):
            file = dataset.samples.file(place)
            np.testing.assert_array_equal(dataset.pixels(place), expected(file, 16, margin, quality))


def test_a_picture_without_a_face_gives_its_middle_and_is_counted(root, finder, caplog):
    with caplog.at_level("INFO"):
        data = set_up(root)
        data.setup("test")
    counts = {name: found.faceless for name, found in data.faces_found.items()}
    assert sum(counts.values()) == 3
    for name, word in (("train", "training"), ("val", "validation"), ("test", "test")):
        n, lacking = len(data.datasets[name]), counts[name]
        said = f"No face in {lacking} of {n} {word} pictures: of those the largest centred square is taken"
        assert (said if lacking else f"Faces are cut out of all {n} {word} pictures") in caplog.messages
    image = decode(str(root / "real/002.png"))
    np.testing.assert_array_equal(data.decoder().prepare(image, ""), resize(image, 16, "center"))


def test_broken_files_are_neither_with_nor_without(root, finder, tmp_path):
    broken = draw_marked(tmp_path / "broken", 20)
    (broken / "real/004.png").write_bytes(b"no picture")
    data = set_up(broken)
    data.setup("test")
    assert sum(found.count for found in data.faces_found.values()) == 19
    assert sum(found.faceless for found in data.faces_found.values()) == 0


@pytest.mark.parametrize("mode", ["off", "ram", "disk"])
@pytest.mark.parametrize("workers", [0, 2])
def test_all_caches_and_workers_give_the_same(mode, workers, root, finder):
    data = set_up(root, cache=mode, num_workers=workers, batch_size=8)
    dataset = data.datasets["train"]
    asked, seen = finder.asked, 0
    for batch in data.train_dataloader():
        for image, index in zip(batch["image"], batch["index"].tolist(), strict=True):
            file, seen = dataset.samples.file(index), seen + 1
            np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), expected(file, 16, DEFAULT_MARGIN))
    assert seen == len(dataset)
    assert finder.asked == asked  # faces were found before, and are known


def test_faces_are_found_once_and_kept_until_the_file_the_model_or_the_cache_changes(finder, tmp_path):
    root = draw_marked(tmp_path / "faces", 20, without=(0,))
    first = set_up(root, cache="disk")
    n = len(first.datasets["train"]) + len(first.datasets["val"])
    assert finder.asked == n
    set_up(root, cache="disk", face_margin=0.4)  # the same faces
    assert finder.asked == n
    file = first.datasets["train"].samples.file(0)
    os.utime(file, ns=(1, 1))
    set_up(root, cache="disk")
    assert finder.asked == n + 1
    (tmp_path / "yunet.onnx").write_bytes(b"another model")
    set_up(root, cache="disk")
    assert finder.asked == 2 * n + 1


def test_a_file_that_changes_is_searched_again(finder, tmp_path):
    root = draw_marked(tmp_path / "faces", 20)
    data = set_up(root)
    dataset = data.datasets["train"]
    file = dataset.samples.file(0)
    other = dataset.samples.file(1)
    with open(other, "rb") as source, open(file, "wb") as target:
        target.write(source.read())
    np.testing.assert_array_equal(dataset.pixels(0), expected(other, 16, DEFAULT_MARGIN))


def test_the_cache_tells_crops_margins_and_face_models_apart(tmp_path):
    models = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for model in models:
        model.write_bytes(model.name.encode())
    decoders = [
        Decoder(16, "face", None, FaceCutter(str(m), margin)) for m in models for margin in (0.1, 0.2, 0.2000001)
    ]
    decoders += [Decoder(16, crop) for crop in ("resize", "center", "native", "face")]
    decoders += [Decoder(16, "face", 90, FaceCutter(str(models[0]), 0.1)), Decoder(17, "native")]
    assert len({DiskStore(one).folder for one in decoders}) == len(decoders) == 12


def test_facts_name_the_margin_for_faces_alone(root, finder):
    facts = module(root, crop="face", face_margin=0.3).preprocessing_facts()
    assert len(str(facts.pop("face_model"))) == 12
    assert facts == {
        "image_size": 16,
        "crop": "face",
        "interpolation": "area-down, linear-up",
        "normalise_encoding": None,
        "face_margin": 0.3,
    }
    assert "face_margin" not in module(root, crop="center").preprocessing_facts()


def test_predict_cuts_faces_too(root, finder):
    data = set_up(root, "predict", predict_root=str(root / "real"))
    dataset = data.datasets["predict"]
    for place in range(len(dataset)):
        np.testing.assert_array_equal(dataset.pixels(place), expected(dataset.samples.file(place), 16, DEFAULT_MARGIN))


def test_without_a_face_model_the_way_on_is_named(root, monkeypatch):
    from dfdetect.data import face_model

    def refuse(url):
        raise OSError("offline")

    monkeypatch.delenv("DFDETECT_FACE_MODEL", raising=False)
    monkeypatch.setattr(face_model, "_fetch", refuse)
    with pytest.raises(DownloadError, match=r"offline(.|\n)*3. cut no faces out: --data.crop center"):
        set_up(root)
    monkeypatch.setenv("DFDETECT_FACE_MODEL", "missing.onnx")
    with pytest.raises(UsageError, match=r"Face model missing\.onnx: no such file"):
        set_up(root)
