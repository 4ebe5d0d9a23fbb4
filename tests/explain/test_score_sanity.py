"""A map of the picture alone fails the check; the tiny detector's passes it."""

import numpy as np
import pytest

from dfdetect.data.decode import decode
from dfdetect.deploy.runtime import Detector
from dfdetect.explain.baselines import OTHER
from dfdetect.explain.cases import Case
from dfdetect.explain.colours import EVIDENCE
from dfdetect.explain.grid import middles
from dfdetect.explain.maps import Maps, cam
from dfdetect.explain.randomised import STAGES
from dfdetect.explain.score_sanity import _summary, score_sanity


def brightness(batch):
    """A "map" that does not ask the network anything."""
    values = batch[:, ::4, ::4].mean(axis=3).astype(np.float32)
    return Maps(np.full(len(batch), 0.5, np.float32), values, EVIDENCE, "brightness", middles(8))


@pytest.fixture(scope="module")
def detector(tiny_checkpoint):
    return Detector.load(tiny_checkpoint, 1)


@pytest.fixture(scope="module")
def batch(detector, photos):
    return np.stack([detector.prepare(decode(photo)) for photo in photos])


def cases_of(batch, explainer):
    maps = explainer(batch)
    return [
        Case(f"{i}.jpg", picture, i % 2, f"group {i}", "", float(p_fake), values, maps.grid, None)
        for i, (picture, p_fake, values) in enumerate(zip(batch, maps.p_fake, maps.values, strict=True))
    ]


def test_a_map_of_the_picture_alone_stays_the_same(batch, tiny_checkpoint):
    found = score_sanity(tiny_checkpoint, cases_of(batch, brightness), 0.5, lambda file: brightness)
    for name in STAGES:
        for measure in ("rank_correlation", "magnitude", "structural_similarity"):
            assert found["stages"][name][measure]["value"] == pytest.approx(1)
    assert found["stages"][OTHER]["rank_correlation"]["value"] < 0.9
    assert found["n"] == len(batch)


def test_a_detectors_map_goes_with_its_weights(batch, detector, tiny_checkpoint):
    found = score_sanity(
        tiny_checkpoint, cases_of(batch, cam(detector)), 0.5, lambda file: cam(Detector.load(file, 1)), most=12
    )
    assert found["n"] == 12
    assert list(found["stages"]) == [*STAGES, OTHER]
    for name in STAGES:
        assert found["stages"][name]["structural_similarity"]["value"] < 0.9
        low, high = found["stages"][name]["rank_correlation"]["interval"]
        assert low <= found["stages"][name]["rank_correlation"]["value"] <= high < 0.9


def test_the_interval_holds_the_chance_of_the_draws_as_well_as_that_of_the_pictures():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        draws = rng.normal(0, 0.2, (10, 1, 1)) + rng.normal(0, 0.1, (10, 3, 40))  # a head's sign is one chance for all
        low, high = _summary(draws, np.arange(40))["rank_correlation"]["interval"]
        inside += low <= 0 <= high
    assert inside >= 85
    assert _summary(draws[:, :, :9], np.arange(9))["magnitude"]["interval"] is None
