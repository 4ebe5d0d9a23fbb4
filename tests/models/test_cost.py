"""Parameters, size and time of checkpoints, and what is no checkpoint."""

import pytest
import torch

from dfdetect.errors import CheckpointError
from dfdetect.models.checkpoint import read_checkpoint, read_detector_checkpoint
from dfdetect.models.cost import load_detector, measure_costs
from tests.fits import tiny_detector


@pytest.fixture
def checkpoint(fitted_run):
    return fitted_run / "checkpoints/last.ckpt"


def test_cost_is_counted_and_measured(checkpoint):
    threads = torch.get_num_threads()
    one, two = measure_costs([checkpoint, checkpoint])
    assert one["parameters"] == two["parameters"] == sum(p.numel() for p in tiny_detector().parameters())
    assert one["megabytes"] == checkpoint.stat().st_size / 1e6
    assert (one["backbone"], one["image_size"]) == ("tiny", 32)
    assert 0 < one["cpu_ms"] < 1000
    assert torch.get_num_threads() == threads
    split = read_checkpoint(checkpoint)["dfdetect"]["split"]
    assert one["data_fingerprint"] == split["data_fingerprint"]
    assert one["test_fingerprint"] == split["test_fingerprint"]


def test_time_can_be_left_out(checkpoint):
    assert measure_costs([checkpoint], timed=False)[0]["cpu_ms"] is None


def test_the_loaded_detector_is_the_saved_one(checkpoint):
    content = read_detector_checkpoint(checkpoint)
    detector = load_detector(content)
    assert not detector.training
    for name, tensor in detector.state_dict().items():
        assert torch.equal(tensor, content["state_dict"][name]), name


def test_a_setting_of_another_version_is_named(checkpoint):
    content = read_detector_checkpoint(checkpoint)
    content["hyper_parameters"]["wings"] = 2
    with pytest.raises(CheckpointError, match="not known here: wings"):
        load_detector(content)


def test_a_damaged_checkpoint_is_refused(checkpoint, tmp_path):
    content = read_checkpoint(checkpoint)
    del content["state_dict"]["head.linear.bias"]
    torch.save(content, tmp_path / "less.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    for name in ("less.ckpt", "text.ckpt"):
        with pytest.raises(CheckpointError):
            measure_costs([tmp_path / name])
