"""A checkpoint carries all that is needed, loads without running code, strictly, and is never half written."""

import errno
import pickle
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

import dfdetect
from dfdetect.data.resize import METHOD
from dfdetect.errors import CheckpointError
from dfdetect.models.checkpoint import FACTS_KEY, SafeCheckpointIO, read_checkpoint, read_detector_checkpoint
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, quiet_trainer, tiny_detector


class Payload:
    """Creates a file if it is ever unpickled by plain pickle."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, generated_faces) -> tuple[DeepfakeDetector, Path]:
    """A detector after two steps, and its checkpoint."""
    folder = tmp_path_factory.mktemp("fitted")
    detector = tiny_detector()
    trainer = quiet_trainer(folder, callbacks=[], limit_train_batches=2, limit_val_batches=1)
    trainer.fit(detector, faces_data(generated_faces))
    trainer.save_checkpoint(folder / "x.ckpt")
    return detector.eval(), folder / "x.ckpt"


def test_facts_are_primitives_and_complete(fitted, generated_faces):
    facts = torch.load(fitted[1], weights_only=True)[FACTS_KEY]
    assert (facts["calibrated"], facts["n_calibration"]) == (True, 16)
    assert {type(facts[name]) for name in ("threshold", "temperature")} == {float}
    assert facts["class_names"] == ["real", "fake"]
    assert facts["preprocessing"] == {
        "image_size": 32,
        "crop": "resize",
        "interpolation": METHOD,
        "normalise_encoding": None,
    }
    assert facts["split"]["root"] == str(generated_faces)
    assert (facts["split"]["n_train"], facts["split"]["n_val"], facts["split"]["n_test"]) == (168, 36, 36)
    assert {len(facts["split"][name]) for name in ("fingerprint", "test_fingerprint")} == {64}
    assert facts["versions"]["dfdetect"] == dfdetect.__version__
    assert facts["versions"]["torch"] in torch.__version__


def test_loads_from_its_file_alone(fitted):
    detector, file = fitted
    loaded = DeepfakeDetector.load_from_checkpoint(file, weights_only=True).eval()
    pixels = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(loaded(pixels), detector(pixels))
    assert dict(loaded.hparams) == dict(detector.hparams)
    assert loaded.facts["split"]["n_test"] == 36


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_loading_is_strict(fitted, tmp_path, change):
    checkpoint = torch.load(fitted[1], weights_only=True)
    if change == "missing":
        del checkpoint["state_dict"]["head.linear.bias"]
    else:
        checkpoint["state_dict"]["head.other"] = torch.zeros(1)
    torch.save(checkpoint, tmp_path / "changed.ckpt")
    with pytest.raises(CheckpointError, match=r"head\.(linear\.bias|other)"):
        DeepfakeDetector.load_from_checkpoint(tmp_path / "changed.ckpt", weights_only=True)


@pytest.mark.parametrize("key", [FACTS_KEY, "state_dict", "hyper_parameters"])
def test_a_checkpoint_of_another_program_is_refused(fitted, tmp_path, key):
    checkpoint = torch.load(fitted[1], weights_only=True)
    del checkpoint[key]
    torch.save(checkpoint, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match=f"it has no {key}"):
        read_detector_checkpoint(tmp_path / "foreign.ckpt")


def test_without_facts_it_does_not_load(fitted, tmp_path):
    checkpoint = torch.load(fitted[1], weights_only=True)
    del checkpoint[FACTS_KEY]
    torch.save(checkpoint, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="not a checkpoint of dfdetect: it has no dfdetect"):
        DeepfakeDetector.load_from_checkpoint(tmp_path / "foreign.ckpt", weights_only=True)


def drop(*keys: str):
    def change(checkpoint: dict[str, Any]) -> None:
        for key in keys[:-1]:
            checkpoint = checkpoint[key]
        del checkpoint[keys[-1]]

    return change


def put(value: Any, *keys: str):
    def change(checkpoint: dict[str, Any]) -> None:
        for key in keys[:-1]:
            checkpoint = checkpoint[key]
        checkpoint[keys[-1]] = value

    return change


DAMAGES = {
    "no threshold": (drop(FACTS_KEY, "threshold"), "its facts: it has no threshold"),
    "no dropout seed": (drop(FACTS_KEY, "dropout_seed"), "its facts: it has no dropout_seed"),
    "no fingerprint": (drop(FACTS_KEY, "split", "test_fingerprint"), "its split: it has no test_fingerprint"),
    "no version": (drop("pytorch-lightning_version"), "it has no pytorch-lightning_version"),
    "facts are a list": (put([], FACTS_KEY), "its dfdetect is a list"),
    "split is a text": (put("x", FACTS_KEY, "split"), "its split: a str instead"),
    "settings are none": (put(None, "hyper_parameters"), "its hyper_parameters is a NoneType"),
    "tensors are a list": (put([], "state_dict"), "its state_dict is a list"),
    "a tensor is a number": (put(1.0, "state_dict", "head.linear.bias"), "head.linear.bias is a float"),
    "a tensor of another shape": (put(torch.zeros(3), "state_dict", "head.linear.bias"), r"is \(3,\), not \(2,\)"),
    "a setting of the future": (put(1, "hyper_parameters", "depth"), "a setting that is not known here: depth"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_with_the_damage(fitted, tmp_path, damage):
    change, said = DAMAGES[damage]
    checkpoint = torch.load(fitted[1], weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, tmp_path / "damaged.ckpt")
    with pytest.raises(CheckpointError, match=said):
        DeepfakeDetector.load_from_checkpoint(tmp_path / "damaged.ckpt")


@pytest.mark.parametrize("key", ["optimizer_states", "lr_schedulers", "loops"])
def test_a_fit_goes_on_only_from_a_whole_training_state(fitted, tmp_path, generated_faces, key):
    checkpoint = torch.load(fitted[1], weights_only=True)
    del checkpoint[key]
    torch.save(checkpoint, tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError, match=f"cannot go on with its fit: it has no {key}"):
        quiet_trainer(tmp_path, callbacks=[]).fit(
            tiny_detector(), faces_data(generated_faces), ckpt_path=str(tmp_path / "x.ckpt"), weights_only=True
        )


@pytest.mark.parametrize("how", ["load", "trainer"])
@pytest.mark.parametrize("place", ["file", "url"])
def test_a_payload_does_not_run_from_python_either(tmp_path, generated_faces, how, place):
    torch.save({"state_dict": Payload(tmp_path / "ran")}, tmp_path / "x.ckpt")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = str(tmp_path / "x.ckpt") if place == "file" else f"http://127.0.0.1:{server.server_port}/x.ckpt"
        plain = Trainer(accelerator="cpu", logger=False, default_root_dir=tmp_path, enable_progress_bar=False)
        data = faces_data(generated_faces)
        read: dict[str, Callable[[], object]] = {
            "load": partial(DeepfakeDetector.load_from_checkpoint, source),
            "trainer": partial(plain.test, tiny_detector(), data, ckpt_path=source, weights_only=False),
        }
        with pytest.raises(CheckpointError, match=r"pickled code|from a local file only"):
            read[how]()
        server.shutdown()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("what", ["validate", "test", "predict"])
def test_random_weights_are_not_judged(tmp_path, generated_faces, what):
    data = faces_data(generated_faces, predict_root=str(generated_faces / "real"))
    with pytest.raises(CheckpointError, match="never trained"):
        getattr(quiet_trainer(tmp_path, callbacks=[]), what)(tiny_detector(), data)


def save_with_pickle(content, file: Path) -> None:
    file.write_bytes(pickle.dumps(content, 2))


@pytest.mark.parametrize("save", [torch.save, save_with_pickle])
@pytest.mark.parametrize("read", [read_checkpoint, read_detector_checkpoint, SafeCheckpointIO().load_checkpoint])
def test_pickled_code_is_refused_and_does_not_run(tmp_path, save, read):
    save({"state_dict": Payload(tmp_path / "ran")}, tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError, match="pickled code, which is never run") as caught:
        read(tmp_path / "x.ckpt")
    assert not (tmp_path / "ran").exists()
    assert "\n" not in str(caught.value)


def test_weights_only_false_changes_nothing(tmp_path):
    torch.save({"state_dict": Payload(tmp_path / "ran")}, tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError):
        SafeCheckpointIO().load_checkpoint(tmp_path / "x.ckpt", weights_only=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "damaged"), (b"no checkpoint at all", "not a plain checkpoint"), (b"PK\x03\x04 cut", "damaged")],
    ids=["empty", "text", "cut archive"],
)
def test_no_checkpoint_is_refused(tmp_path, content, said):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        read_checkpoint(tmp_path / "x.ckpt")


def test_a_cut_off_checkpoint_is_refused(fitted, tmp_path):
    (tmp_path / "x.ckpt").write_bytes(fitted[1].read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(tmp_path / "x.ckpt")


@pytest.mark.parametrize(
    ("path", "said"),
    [("https://host/x.ckpt", "local file only"), ("nowhere.ckpt", "no such checkpoint"), (".", "no such checkpoint")],
)
def test_what_is_no_local_file_is_refused(path, said):
    with pytest.raises(CheckpointError, match=said):
        read_checkpoint(path)


def test_a_list_is_no_checkpoint(tmp_path):
    torch.save([1, 2], tmp_path / "x.ckpt")
    with pytest.raises(CheckpointError, match="holds a list"):
        read_checkpoint(tmp_path / "x.ckpt")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch, error):
    file = tmp_path / "new folder" / "x.ckpt"
    SafeCheckpointIO().save_checkpoint({"step": 1}, file)

    def fail(_content, stream) -> None:
        stream.write(b"half a checkpoint")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(type(error)):
        SafeCheckpointIO().save_checkpoint({"step": 2}, file)
    assert read_checkpoint(file) == {"step": 1}
    assert [path.name for path in file.parent.iterdir()] == ["x.ckpt"]
