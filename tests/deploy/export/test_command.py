import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dfdetect.deploy import Detector
from dfdetect.deploy.export.pictures import pictures_in
from dfdetect.deploy.export.prove import Reference
from dfdetect.deploy.photos import Settings
from dfdetect.main import main

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def test_the_best_of_the_newest_run_is_exported_and_proven(fitted_run, capsys):
    run = Path("lightning_logs/tiny/version_0")
    shutil.copytree(fitted_run, run)
    (run / "config.yaml").write_text("{}\n")
    assert main(["export", "--precision", "fp32", "int8", "--json", "--calibration-images", "20"]) == 0
    captured = capsys.readouterr()
    results = json.loads(captured.out)
    assert "Exporting lightning_logs/tiny/version_0/checkpoints/best.ckpt" in captured.err
    assert [Path(one["file"]).name for one in results] == ["tiny-fp32.onnx", "tiny-int8.onnx"]
    for one in results:
        assert one["passed"]
        file = Path(one["file"])
        assert file.parent == run / "export"
        stored = json.loads(Path(f"{file}.parity.json").read_text())
        assert stored == one
        assert file.name in Path(f"{file}.parity.html").read_text()
        facts = Detector.load(file).facts
        assert facts.to_strings() == one["facts"] | {"dfdetect.images_seen": facts.images_seen}
        assert facts.images_seen
        assert facts.data_title == "faces"
    fp32, int8 = results
    assert fp32["max_difference"] < 1e-4
    band = Detector.load(fp32["file"]).facts.uncertain
    assert band is not None
    assert fp32["n"] == band.n == 36
    assert fp32["calibration"] is None
    assert int8["calibration"].startswith("20 of 168 images of the train part")
    assert int8["float_layers"][-1] == "heatmap"
    assert sorted(path.name for path in (run / "export").iterdir()) == sorted(
        name
        for one in results
        for name in (Path(one["file"]).name + end for end in ("", ".parity.json", ".parity.html"))
    )


def test_a_file_that_decides_otherwise_fails_and_gets_another_name(tiny_checkpoint, tmp_path, monkeypatch, capsys):
    from dfdetect.deploy.export import to_onnx

    whole = to_onnx.onnx_model

    def spoilt(network, size):
        network.heatmap.weight.data += 0.5  # of all channels: some may be silent
        return whole(network, size)

    monkeypatch.setattr(to_onnx, "onnx_model", spoilt)
    arguments = ["export", "--ckpt_path", str(tiny_checkpoint), "--out", "out", "--format", "openvino", "onnx"]
    pytest.importorskip("openvino")
    assert main(arguments) == 1
    captured = capsys.readouterr()
    names = {path.name for path in Path("out").iterdir() if "parity" not in path.name}
    assert names == {"tiny-fp32.failed.onnx", "tiny-fp32.failed.xml", "tiny-fp32.failed.bin"}
    assert captured.out.count("failed: largest change of p_fake") == 2
    assert "over its tolerance, so kept as out/tiny-fp32.failed.xml, out/tiny-fp32.failed.onnx" in captured.err
    assert "tiny-fp32.failed.onnx: failed" in Path("out/tiny-fp32.failed.onnx.parity.html").read_text()
    Detector.load("out/tiny-fp32.failed.xml")


def test_the_margin_of_the_trainings_pictures_is_recorded_for_scan(tiny_checkpoint, tmp_path, monkeypatch, capsys):
    from dfdetect.data import face_model
    from dfdetect.deploy import faces

    from ..standin import face

    asked = []

    def search(image, model):
        asked.append((image.shape, model))
        return [face(20, 15, 40, 50)] if len(asked) % 3 else []

    monkeypatch.setattr(faces, "search", search)
    monkeypatch.setattr(face_model, "check_model", lambda file: None)
    (tmp_path / "yunet.onnx").write_bytes(b"x")
    monkeypatch.setenv("DFDETECT_FACE_MODEL", "yunet.onnx")
    assert main(["export", "--ckpt_path", str(tiny_checkpoint), "--out", "out"]) == 0
    assert asked == [((80, 80, 3), "yunet.onnx")] * 168  # the whole training part, and nothing else
    words = "Margin around faces 0.30: median of the faces in 112 of 168 pictures (the train part of faces)"
    assert words in capsys.readouterr().err
    assert json.loads(Path("out/tiny-fp32.onnx.parity.json").read_text())["face_margin"].startswith(words)
    assert words in Path("out/tiny-fp32.onnx.parity.html").read_text()
    detector = Detector.load("out/tiny-fp32.onnx")
    assert detector.facts.face_margin == 0.3
    assert Settings(detector, "m").used_margin == 0.3


@pytest.mark.parametrize(("arguments", "margin", "says"), [
    (["--face-margin", "0.25"], 0.25, "Margin around faces 0.25, as stated"),
    ([], None, "No margin around faces, which is measured with a face model: name one"),
    (["--images", "photos", "--data", "gone"], None, "No margin around faces, which is measured on the training part"),
])  # fmt: skip
def test_a_stated_margin_and_none(arguments, margin, says, tiny_checkpoint, generated_faces, monkeypatch, capsys):
    monkeypatch.delenv("DFDETECT_FACE_MODEL", raising=False)
    shutil.copytree(generated_faces / "real", "photos")
    assert main(["export", "--ckpt_path", str(tiny_checkpoint), "--out", "out", *arguments]) == 0
    assert Detector.load("out/tiny-fp32.onnx").facts.face_margin == margin
    assert says in capsys.readouterr().err


def test_a_failed_export_sets_the_earlier_file_of_its_name_aside(tiny_checkpoint, monkeypatch, capsys):
    """Or a scan would go on with it, as if it were of this checkpoint and these settings."""
    from dfdetect.deploy.export import to_onnx

    pytest.importorskip("openvino")
    arguments = ["export", "--ckpt_path", str(tiny_checkpoint), "--out", "out", "--format", "openvino"]
    assert main(arguments) == 0
    before = {file.name: file.read_bytes() for file in Path("out").iterdir()}
    whole = to_onnx.onnx_model

    def spoilt(network, size):
        network.heatmap.weight.data += 0.5
        return whole(network, size)

    monkeypatch.setattr(to_onnx, "onnx_model", spoilt)
    capsys.readouterr()
    assert main(arguments) == 1
    ends = (".xml", ".bin", ".xml.parity.json", ".xml.parity.html")
    names = {f"tiny-fp32{apart}{end}" for apart in (".failed", ".earlier") for end in ends}
    assert {file.name for file in Path("out").iterdir()} == names
    assert {name: Path("out", name.replace("tiny-fp32", "tiny-fp32.earlier")).read_bytes() for name in before} == before
    assert "The earlier out/tiny-fp32.xml is out/tiny-fp32.earlier.xml now" in capsys.readouterr().err


def test_other_images_prove_a_float_file_where_the_data_is_gone(tiny_checkpoint, generated_faces, monkeypatch, capsys):
    shutil.copytree(generated_faces / "real", "unlabelled")
    arguments = ["export", "--ckpt_path", str(tiny_checkpoint), "--out", "out", "--data", "gone"]
    assert main(arguments) == 1
    assert "--images DIR" in capsys.readouterr().err
    assert main([*arguments, "--images", "unlabelled", "--precision", "int8"]) == 1
    assert "int8 is calibrated with images of the training part" in capsys.readouterr().err
    assert main([*arguments, "--images", "unlabelled", "--licence", "ours\n\tand yours", "--limit", "30"]) == 0
    captured = capsys.readouterr()
    assert "No uncertain band" in captured.err
    facts = Detector.load("out/tiny-fp32.onnx").facts
    assert facts.uncertain is None
    assert facts.licence == "ours\n\tand yours"
    result = json.loads(Path("out/tiny-fp32.onnx.parity.json").read_text())
    assert (result["n"], result["auroc"]) == (30, None)


def test_no_band_is_chosen_on_one_class(tiny_checkpoint, generated_faces):
    """Of real photos alone, a detector that calls everything real would seem never to err."""
    detector = Detector.load(tiny_checkpoint)
    both = Reference.of(detector, pictures_in(str(generated_faces), detector.whole))
    assert both.pictures.labels is not None
    real = np.flatnonzero(both.pictures.labels == 0).tolist()
    alone = Reference(both.pictures, [both.places[i] for i in real], both.p_fake[real])
    assert both.band(both.p_fake, detector.facts, 0.4) is not None
    assert alone.band(alone.p_fake, detector.facts, 0.4) is None


@pytest.mark.parametrize(("arguments", "code", "says"), [
    ([], 1, "Train first: dfdetect fit"),
    (["--ckpt_path", "missing.ckpt"], 1, "no such checkpoint"),
    (["--limit", "0"], 2, "--limit is at least 1"),
    (["--answered-error", "1"], 2, "between 0 and 1"),
    (["--face-margin", "-0.1"], 2, "from 0 to 10, not -0.1"),
    (["--face-margin", "nan"], 2, "from 0 to 10, not nan"),
    (["--face-model", "missing.onnx"], 2, "Face model missing.onnx: no such file"),
    (["--licence", "a\x1b[31m\x00\udcff"], 2, r"--licence holds '\x00', '\x1b', '\udcff'"),
])  # fmt: skip
def test_mistakes_are_said_in_one_line(arguments, code, says, capsys):
    assert main(["export", *arguments]) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_unknown_formats_are_a_wrong_usage(capsys):
    for arguments in (
        ["--format", "coreml"],
        ["--precision", "int4"],
        ["--face-margin", "0.2", "--face-model", "yunet.onnx"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(["export", *arguments])
        assert stop.value.code == 2
    with pytest.raises(SystemExit) as stop:
        main(["export", "--help"])
    assert stop.value.code == 0
    assert "example: dfdetect export" in capsys.readouterr().out
