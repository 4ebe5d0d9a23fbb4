"""Each value out of its range is named with what there is, and the defaults are in range."""

from inspect import signature
from typing import Any

import pytest

from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.settings import check_settings
from dfdetect.errors import UsageError

DEFAULTS: dict[str, Any] = {
    name: parameter.default for name, parameter in signature(DeepfakeDataModule).parameters.items()
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"num_workers": 0},
        {"folds": 5, "fold": 4},
        {"split_seed": -(2**63)},
        {"normalise_encoding": 1},
        {"blending": ["nose"], "landmarks": "marks.npz", "batch_size": 2},
        {"crop": "native"},
        {"crop": "face", "face_margin": 0.0},
        {"crop": "face", "face_margin": 10},
        {"crop": "center", "cache": "off", "class_balance": "sampler", "split": "grouped"},
    ],
)
def test_what_is_in_range_is_taken(changed):
    check_settings(DEFAULTS | changed, seed=0)


@pytest.mark.parametrize(
    ("changed", "seed", "said"),
    [
        ({"crop": "middle"}, 0, "data.crop is one of resize, center, native, face, not 'middle'"),
        (
            {"crop": "face", "face_margin": -0.1},
            0,
            "data.face_margin is a share of the face's side, from 0 to 10, not -0.1",
        ),
        ({"crop": "face", "face_margin": float("nan")}, 0, "from 0 to 10, not nan"),
        ({"crop": "face", "face_margin": float("inf")}, 0, "from 0 to 10, not inf"),
        ({"crop": "center", "face_margin": 0.3}, 0, "it needs data.crop: face, not center"),
        ({"cache": "gpu"}, 0, "data.cache is one of"),
        (
            {"class_balance": "smote"},
            0,
            "data.class_balance is one of none, weighted_loss, sampler, source_sampler, not",
        ),
        ({"split": "odd"}, 0, "data.split is one of auto, grouped, random, given"),
        ({"image_size": 0}, 0, "data.image_size must be at least 1, got 0"),
        ({"batch_size": -1}, 0, "data.batch_size must be at least 1"),
        ({"generate": -1}, 0, "data.generate must be at least 0"),
        ({"num_workers": -2}, 0, "data.num_workers must be at least 0"),
        ({}, -1, "data.seed must be at least 0"),
        ({"split_seed": 2**63}, 0, "data.split_seed must fit into 64 bits"),
        ({"folds": 1}, 0, "data.folds is 0 or at least 2"),
        ({"folds": 5, "fold": 5}, 0, "got 5 and 5"),
        ({"fold": 1}, 0, "got 0 and 1"),
        ({"normalise_encoding": 101}, 0, "data.normalise_encoding is a JPEG quality from 1 to 100, not 101"),
    ],
)
def test_what_is_not_is_refused_with_its_name(changed, seed, said):
    with pytest.raises(UsageError) as error:
        check_settings(DEFAULTS | changed, seed)
    assert said in str(error.value)
