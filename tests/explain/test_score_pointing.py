import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dfdetect.data.ciplab import PARTS
from dfdetect.explain.baselines import CENTRE, RANDOM
from dfdetect.explain.comparing import MAP, maps_of
from dfdetect.explain.pointing import part_evidence
from dfdetect.explain.score_pointing import score_pointing

from .examples import cases


def scored(**settings):
    found = cases(**settings)
    return found, score_pointing(found, maps_of(found, 0.5), 0.5)


@pytest.mark.parametrize("exact", [False, True])
def test_a_true_map_has_full_marks_and_beats_noise(exact):
    _, found = scored(goodness=1.0, exact=exact)
    whole = found["all"]
    assert whole["n"] == 20
    for measure in ("energy", "pointing_game", "auroc_within"):
        assert whole[measure][MAP]["value"] == 1
        assert whole[measure][RANDOM]["difference_interval"][0] > 0
    if exact:
        assert whole["auroc_pooled"] is whole["auroc_same_part"] is None
    else:
        assert whole["auroc_same_part"][MAP]["value"] == 1
        assert whole["auroc_same_part"][CENTRE]["value"] == 0.5  # it has the same for a part of every face
        assert whole["auroc_pooled"][MAP]["value"] == 1
        assert whole["auroc_pooled"][CENTRE]["difference_interval"][0] > 0


def test_noise_is_not_told_from_noise():
    _, found = scored(count=200, goodness=0.0)
    for measure in ("energy", "pointing_game", "auroc_within", "auroc_pooled", "auroc_same_part"):
        low, high = found["all"][measure][RANDOM]["difference_interval"]
        assert low <= 0 <= high
    assert found["all"]["energy"][MAP]["value"] == pytest.approx(found["all"]["area"], abs=0.05)


def test_the_pooled_area_is_scikit_learns():
    made, found = scored(goodness=0.3)
    label, value = [], []
    for case in made:
        if case.truth is not None:
            evidence = part_evidence(case.evidence, case.truth.parts)
            label += [name in case.truth.edited for name in evidence]
            value += list(evidence.values())
    whole = found["all"]
    assert whole["auroc_pooled"][MAP]["value"] == pytest.approx(roc_auc_score(label, value))
    by_part = []
    for part in PARTS:
        rows = [(part in case.truth.edited, case) for case in made if case.truth is not None]
        values = [case.evidence[case.truth.parts[part]].mean() for _, case in rows if case.truth is not None]
        by_part.append(roc_auc_score([edited for edited, _ in rows], values))
    assert whole["auroc_same_part"][MAP]["value"] == pytest.approx(np.mean(by_part))
    assert (whole["n_edited"], whole["n_untouched"]) == (sum(label), len(label) - sum(label))


def test_subsets_are_told_apart():
    made, found = scored(count=60, goodness=0.5)
    fakes = [case for case in made if case.label]
    assert found["source swap"]["n"] == sum(case.source == "swap" for case in fakes)
    assert "called fake" not in found  # all of them are, which would say the same twice
    found = score_pointing(made, maps_of(made, 0.8), 0.8)
    assert found["called fake"]["n"] == sum(case.p_fake >= 0.8 for case in fakes)


def test_without_a_truth_there_is_nothing():
    real = [case for case in cases() if case.truth is None]
    assert score_pointing(real, maps_of(real, 0.5), 0.5) == {}


def test_area_is_the_mean_share_of_the_masks():
    made, found = scored()
    masks = [case.truth.mask.mean() for case in made if case.truth]
    assert found["all"]["area"] == pytest.approx(np.mean(masks))
