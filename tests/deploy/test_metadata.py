from dataclasses import asdict, fields, replace

import pytest

from dfdetect.deploy.metadata import PREFIX, ModelFacts, UncertainBand
from dfdetect.errors import DamagedModelError, ForeignModelError
from dfdetect.explain.grid import grid_of, middles

FACTS = ModelFacts(
    backbone="mobilenet_v2",
    threshold=0.1 + 0.2,
    temperature=1.7,
    calibrated=True,
    input_size=224,
    format="onnx",
    precision="int8",
    layout="NCHW",
    crop="resize",
    interpolation="area-down, linear-up",
    dfdetect_version="0.1.0",
    frontend="rgb+srm",
    normalise_encoding=90,
    face_margin=0.3,
    centred_on_first=False,
    uncertain=UncertainBand(0.25, 0.35, 0.05, 0.0495, 0.62, 260),
    float_layers=("features.1", 'a "quoted", é layer'),
    data_fingerprint="ab12",
    data_title="null",
    checkpoint_sha256=64 * "1",
    test_summary="AUROC 0.8\nsecond line",
    licence="Ünicode <&>",
)
BARE = ModelFacts("resnet18", 0.5, 1.0, False, 96, "litert", "fp32", "NHWC", "center", "any", "0.1.0")


@pytest.mark.parametrize("facts", [FACTS, BARE])
def test_facts_return_as_they_were_written(facts):
    strings = facts.to_strings()
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in strings.items())
    assert ModelFacts.from_strings(strings | {"another": "entry"}) == facts


def test_keys_of_a_later_dfdetect_are_passed_over():
    assert ModelFacts.from_strings(FACTS.to_strings() | {f"{PREFIX}later": "x"}) == FACTS


def test_what_has_no_metadata_of_ours_is_foreign():
    with pytest.raises(ForeignModelError, match=r"a\.onnx: not written by dfdetect export"):
        ModelFacts.from_strings({"producer": "somebody"}, "a.onnx")


def test_another_version_says_who_wrote_it():
    strings = FACTS.to_strings() | {f"{PREFIX}metadata_version": "9", f"{PREFIX}dfdetect_version": "7.0"}
    with pytest.raises(ForeignModelError, match=r"version 9.*7\.0"):
        ModelFacts.from_strings(strings)


@pytest.mark.parametrize(
    "name", [field.name for field in fields(ModelFacts) if field.name in asdict(BARE) and field.default is not None]
)
def test_a_missing_fact_without_a_default_is_damage(name):
    strings = BARE.to_strings()
    del strings[PREFIX + name]
    if name in ("frontend", "test_time_flip", "class_names", "positive_class", "colour_order", "float_layers"):
        assert ModelFacts.from_strings(strings) == BARE
        return
    with pytest.raises(DamagedModelError, match=name):
        ModelFacts.from_strings(strings)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("threshold", "1.5"),
        ("threshold", "NaN"),
        ("threshold", "true"),
        ("threshold", "half"),
        ("temperature", "0"),
        ("temperature", "-1"),
        ("temperature", "Infinity"),
        ("calibrated", "yes"),
        ("input_size", "224.0"),
        ("input_size", "100000"),
        ("format", "pickle"),
        ("precision", "int4"),
        ("layout", "CHWN"),
        ("crop", "random"),
        ("normalise_encoding", "0"),
        ("face_margin", "-0.1"),
        ("centred_on_first", "1"),
        ("class_names", '["fake", "real"]'),
        ("positive_class", "real"),
        ("colour_order", "BGR"),
        ("float_layers", '"one"'),
        ("uncertain", "[" * 100_000),
        ("uncertain", '{"low": 0.5}'),
        ("uncertain", '{"low": 0.6, "high": 0.4, "stated_error": 0, "error": 0, "coverage": 1, "n": 3}'),
        ("uncertain", '{"low": 0.4, "high": 0.6, "stated_error": 0, "error": 0, "coverage": 1, "n": 0}'),
    ],
)
def test_values_out_of_range_are_damage_and_named(name, text):
    with pytest.raises(DamagedModelError, match=f"damaged metadata: {name}"):
        ModelFacts.from_strings(FACTS.to_strings() | {PREFIX + name: text})


def test_cells_lie_as_the_file_says_and_in_older_files_as_the_backbone_is_known_to():
    first, middle = grid_of(True, 224, 7), middles(7)
    older = replace(FACTS, centred_on_first=None)
    assert FACTS.grid(7) == middle != first
    assert ModelFacts.from_strings(older.to_strings()).grid(7) == first
    assert replace(older, backbone="timm:any").grid(7) == middle
    assert replace(older, backbone="timm:any", centred_on_first=True).grid(7) == first


def test_verdicts_and_the_band_between_them():
    sure = replace(FACTS, threshold=0.3, uncertain=None)
    assert [sure.verdict(p) for p in (0.0, 0.29, 0.3, 1.0)] == ["real", "real", "fake", "fake"]
    unsure = replace(FACTS, threshold=0.3)
    scores = (0.24, 0.25, 0.3, 0.35, 0.36)
    assert [unsure.verdict(p) for p in scores] == ["real", "uncertain", "uncertain", "uncertain", "fake"]
