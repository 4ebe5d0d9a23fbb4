import numpy as np
import pytest

from dfdetect.deploy.runtime import Detector
from dfdetect.errors import ExplainError
from dfdetect.explain.maps import cam
from tests.deploy.standin import FACTS, Standin, textured


@pytest.mark.parametrize("form", ["checkpoint", pytest.param("onnx", marks=pytest.mark.slow)])
def test_the_maps_of_a_file_have_its_logit_as_their_mean_but_for_a_constant(form, request, photos):
    detector = Detector.load(request.getfixturevalue(f"tiny_{form}"), threads=1)
    batch = np.stack([detector.prepare(one) for one in map(_pixels, photos)])
    found = cam(detector)(batch)
    assert len(found) == len(photos)
    logit = np.log(found.p_fake / (1 - found.p_fake))
    rest = logit - found.values.mean(axis=(1, 2))
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)
    assert np.ptp(logit) > 1e-3


def test_a_temperature_divides():
    from dataclasses import replace

    batch = textured(32, 32, 200)[None]
    warm = cam(Standin(replace(FACTS, temperature=2.0)))(batch)
    np.testing.assert_allclose(2 * warm.values, cam(Standin())(batch).values)


def test_a_model_without_heatmap_is_refused_with_the_way_on():
    with pytest.raises(ExplainError, match="--method occlusion"):
        cam(Standin(heat=False))(textured(32, 32, 200)[None])


def _pixels(photo):
    from dfdetect.data.decode import decode

    return decode(photo)
