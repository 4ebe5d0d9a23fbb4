import json

import pytest

from dfdetect.deploy.benchmark.table import headlines, markdown
from tests.deploy.benchmark.examples import model, result

_THREE = (("best.ckpt", "checkpoint", 40.0), ("own.onnx", "onnx", 20.0), ("other.onnx", "onnx", 2.0))


@pytest.mark.parametrize(("ms", "word"), [(40 / 6, "met"), (6.7, "missed")])
def test_the_budget_is_judged_by_the_fastest(ms, word):
    base = model("best.ckpt", "checkpoint", 40.0)
    found = result(base, model("slow.onnx", "onnx", 20.0), model("quick.xml", "openvino", ms, "int8"))
    found["machine"]["vnni"] = True
    (sentence,) = headlines(found)
    assert "**quick.xml**" in sentence
    assert sentence.endswith(f"The budget of 6x for mobilenet_v2 is {word}.")


@pytest.mark.parametrize(("vnni", "ms", "said"), [(False, 8.0, 1), (True, 8.0, 0), (None, 8.0, 0), (False, 5.0, 0)])
def test_a_missed_budget_names_what_the_processor_lacks(vnni, ms, said):
    found = result(model("best.ckpt", "checkpoint", 40.0), model("quick.xml", "openvino", ms, "int8"))
    found["machine"]["vnni"] = vnni
    (sentence,) = headlines(found)
    assert sentence.count("no VNNI") == said


def test_another_backbone_is_no_answer_and_has_no_budget():
    base, own, other = (model(name, kind, ms) for name, kind, ms in _THREE)
    other["backbone"] = "resnet18"
    (sentence,) = headlines(result(base, own, other))
    assert "**own.onnx**" in sentence
    assert headlines(result(base, other)) == []
    for one in (base, own, other):
        one["backbone"] = "resnet18"
    (sentence,) = headlines(result(base, own, other))
    assert "**other.onnx**" in sentence
    assert "budget" not in sentence


def test_no_ratio_is_claimed_without_a_baseline():
    text = markdown(result(model("a.onnx", "onnx", 4.0), model("b.onnx", "onnx", 2.0), baseline=False))
    assert "Fastest" not in text
    assert "| b.onnx | 1 | 2.00 | 2.20 | 4.00 | 500 | - |" in text
    assert "| a.onnx | 1 | 250 | 250 |" in text


def test_every_table_is_whole():
    text = markdown(result(model("best.ckpt", "checkpoint", 40.0), model("a|b.onnx", "onnx", 10.0)))
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 4
    for block in blocks:
        columns = {line.replace("\\|", "").count("|") for line in block}
        assert len(columns) == 1
    latency = [line.split(" | ")[:2] for line in blocks[1][2:]]
    assert latency == [["| best.ckpt", "1"], ["| a\\|b.onnx", "1"], ["| best.ckpt", "2"], ["| a\\|b.onnx", "2"]]
    assert "| a\\|b.onnx | 1 | 100 (4x) | 100 (4x) |" in text
    assert "| 0.8000 | 0.750 to 0.850 | 0.7000 | 0.650 to 0.750 | 1200 | 3 |" in text
    assert text.count("Note: One note.") == 1
    assert "Note: something is so." in text


def test_what_is_not_known_is_a_dash():
    one = model("a.onnx", "onnx", 10.0, auroc=None)
    one["peak_mb"] = None
    one["quality"]["intervals"] = {}
    text = markdown(result(one, baseline=False))
    assert "| a.onnx | fp32 | Engine of onnx | 5.00 | - |" in text
    assert "| a.onnx | - | - | 0.7000 | - |" in text


def test_the_result_is_plain_json():
    assert json.loads(json.dumps(result(model("a.onnx", "onnx", 10.0)), allow_nan=False))["models"]
