"""The event files hold what TensorBoard is promised to show, read back by TensorBoard itself."""

import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from dfdetect.callbacks.checkpoints import BestCheckpoint
from dfdetect.callbacks.history import History
from dfdetect.callbacks.hparams import board_columns, fill_leaderboard
from dfdetect.callbacks.results import EvaluationResults
from dfdetect.callbacks.tensorboard import TensorBoardFigures
from dfdetect.evaluation.comparison import COMPARED
from dfdetect.models.cost import measure_costs
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import copy_as_others, faces_data, quiet_trainer, tiny_detector

METRICS = {"loss", "accuracy", "precision", "recall", "f1", "auroc", "average_precision", "eer"}
FIGURES = {"val/confusion_matrix", "val/roc", "val/precision_recall", "val/worst_mistakes", "val/evidence"}


def read_events(run: Path) -> EventAccumulator:
    events = EventAccumulator(str(run), size_guidance={"images": 0, "scalars": 0, "tensors": 0})
    events.Reload()
    return events


@pytest.fixture(scope="module")
def events(fitted_run) -> EventAccumulator:
    return read_events(fitted_run)


def hparams(events: EventAccumulator, tag: str) -> HParamsPluginData:
    content = events.summary_metadata[f"_hparams_/{tag}"].plugin_data.content
    return HParamsPluginData.FromString(content)


def test_scalars(events):
    tags = set(events.Tags()["scalars"])
    expected = {f"{stage}/{name}" for stage in ("train", "val", "val_best") for name in METRICS}
    assert expected | {"lr-Adam", "speed/images_per_s", "speed/epoch_s"} <= tags
    assert "hp_metric" not in tags
    for name in expected - {f"val_best/{name}" for name in METRICS}:
        assert len(events.Scalars(name)) == 2, name
    defined = {name for name in tags if not name.endswith("/precision")}  # without a fake verdict there is none
    assert all(math.isfinite(point.value) for name in defined for point in events.Scalars(name))


def test_best_is_the_epoch_of_the_best_auroc(events):
    auroc = [point.value for point in events.Scalars("val/auroc")]
    chosen = auroc.index(max(auroc))
    for name in METRICS:
        assert events.Scalars(f"val_best/{name}")[-1].value == pytest.approx(
            events.Scalars(f"val/{name}")[chosen].value, nan_ok=True
        )


def test_images(events):
    tags = set(events.Tags()["images"])
    assert tags >= FIGURES | {"training/augmented_batch", "training/curves"}
    for tag in FIGURES:
        assert [image.step for image in events.Images(tag)] == [11, 22], tag
    for tag in tags:
        picture = Image.open(io.BytesIO(events.Images(tag)[0].encoded_image_string))
        assert min(picture.size) >= 200, tag


def test_training_and_validation_stand_in_one_chart(events):
    tensor = events.Tensors("custom_scalars__config__")[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert charts["loss"] == ["^train/loss$", "^val/loss$"]
    assert set(charts) == {"loss", "accuracy", "auroc", "f1", "precision", "recall"}


def test_the_configuration_is_there_as_text(events):
    text = events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| backbone | tiny |" in text
    assert "| batch_size | 16 |" in text
    assert "_instantiator" not in text


def test_hparams_can_be_compared_by_the_best_metrics(events):
    columns = [info.name.tag for info in hparams(events, "experiment").experiment.metric_infos]
    shown = ["val_best/auroc", *(f"leaderboard/auroc{end}" for end in ("", "_low", "_high"))]
    assert columns[:4] == shown  # without a click
    assert set(columns) == {f"val_best/{name}" for name in METRICS} | set(board_columns())
    values = hparams(events, "session_start_info").session_start_info.hparams
    assert values["backbone"].string_value == "tiny"
    assert values["lr"].number_value == 1e-3
    assert values["image_size"].number_value == 32
    assert len(values["data_fingerprint"].string_value) == 12
    assert not any(name.startswith("_") for name in values)


def copied(fitted_run: Path, folder: Path) -> Path:
    run = folder / "run/version_0"
    shutil.copytree(fitted_run, run)
    return run


def judge(run: Path, root: Path, callbacks: list[Callback], **settings: Any) -> None:
    """Test a run's best checkpoint, logging into it, as the command line does."""
    logger = TensorBoardLogger(str(run.parent.parent), name="run", version=0, default_hp_metric=False)
    trainer = quiet_trainer(run.parent.parent, callbacks=[*callbacks, History(), BestCheckpoint()], logger=logger)
    file = str(run / "checkpoints/best.ckpt")
    detector = DeepfakeDetector.load_from_checkpoint(file, weights_only=True)
    trainer.test(detector, faces_data(root, **settings), ckpt_path=file, verbose=False, weights_only=True)


def board_of(run: Path) -> dict[str, float]:
    events = read_events(run)
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith("leaderboard/")]
    return {tag.removeprefix("leaderboard/"): events.Scalars(tag)[-1].value for tag in tags}


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # the run is a copy
@pytest.mark.parametrize("order", [1, -1])
def test_a_test_fills_the_leaderboards_columns(order, fitted_run, generated_faces, tmp_path):
    run = copied(fitted_run, tmp_path)
    callbacks: list[Callback] = [TensorBoardFigures(), EvaluationResults()]
    judge(run, generated_faces, callbacks[::order])
    result = json.loads((run / "metrics.json").read_text())
    expected = {name: result[name] for name in (*COMPARED, "n", "n_groups", "threshold")}
    for name in COMPARED:
        low, high = result["intervals"][name] or (None, None)
        expected |= {f"{name}_low": low, f"{name}_high": high}
    file = run / "checkpoints/best.ckpt"
    (cost,) = measure_costs([file], timed=False)
    expected |= {"parameters": cost["parameters"], "megabytes": file.stat().st_size / 1e6}
    board = board_of(run)
    assert 0 < board.pop("cpu_ms") < 1000
    assert board == pytest.approx({name: value for name, value in expected.items() if value is not None}, rel=1e-5)
    assert {f"leaderboard/{name}" for name in (*expected, "cpu_ms")} == set(board_columns())
    columns = {info.name.tag for info in hparams(read_events(run), "experiment").experiment.metric_infos}
    assert set(board_columns()) <= columns
    said = hparams(read_events(run), "session_start_info").session_start_info.hparams["data_fingerprint"]
    assert cost["data_fingerprint"].startswith(said.string_value)


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_a_test_on_other_data_does_not_touch_the_row(fitted_run, generated_faces, tmp_path):
    run = copied(fitted_run, tmp_path)
    callbacks: list[Callback] = [TensorBoardFigures(), EvaluationResults()]
    for label in ("real", "fake"):
        copy_as_others(generated_faces / label, tmp_path / "other" / label)
    next((tmp_path / "other/real").rglob("*.jpg")).unlink()
    judge(run, tmp_path / "other", callbacks)
    assert (run / "cross-dataset/other/metrics.json").is_file()
    assert board_of(run) == {}


def test_what_is_undefined_stays_empty_and_without_a_file_there_is_no_size(tmp_path):
    written: dict[str, float] = {}

    class Writer:
        def add_scalar(self, tag, value, step):
            written[tag] = value

        def flush(self):
            return

    undefined: dict[str, Any] = dict.fromkeys(COMPARED) | {"n": 3, "n_groups": 1, "threshold": 0.5}
    detector, trainer = tiny_detector(), quiet_trainer(tmp_path, callbacks=[])
    fill_leaderboard(Writer(), trainer, detector, undefined | {"accuracy": 1.0, "intervals": {"accuracy": None}})
    parameters = sum(parameter.numel() for parameter in detector.parameters())
    expected = {"accuracy": 1.0, "n": 3, "n_groups": 1, "threshold": 0.5, "parameters": parameters}
    assert written == {f"leaderboard/{name}": value for name, value in expected.items()}


@pytest.mark.parametrize(("every", "steps"), [(0, []), (2, [1, 3])])
def test_figures_as_often_as_asked_for(tmp_path, generated_faces, every, steps):
    trainer = quiet_trainer(
        tmp_path, callbacks=[TensorBoardFigures(every)], max_epochs=3, limit_train_batches=1, limit_val_batches=1
    )
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    events = read_events(tmp_path / "run/version_0")
    drawn = FIGURES & set(events.Tags()["images"])
    assert drawn == (FIGURES if steps else set())
    for tag in drawn:
        assert [image.step for image in events.Images(tag)] == steps


def test_does_nothing_without_tensorboard(tmp_path, generated_faces):
    trainer = quiet_trainer(tmp_path, callbacks=[TensorBoardFigures()], logger=False, limit_train_batches=1)
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    assert not list(tmp_path.rglob("events*"))


def test_the_best_survives_a_restart():
    before, after = TensorBoardFigures(), TensorBoardFigures()
    before.load_state_dict({"best": {"auroc": 0.9}})
    after.load_state_dict(before.state_dict())
    assert after.state_dict() == {"best": {"auroc": 0.9}}
