import os
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from dfdetect.deploy.find_model import find_model
from dfdetect.deploy.metadata import PREFIX
from dfdetect.errors import ModelFileError
from dfdetect.files import sha256_of
from tests.data.helpers import touch

from .standin import FACTS

RUN = Path("lightning_logs/b/version_0")
BEST = RUN / "checkpoints" / "best.ckpt"


def checkpoint(file, content, age):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (age, age))


def exported(name, checkpoint_sha256, age):
    """An OpenVINO model's file with metadata and no network, in the newest run."""
    strings = replace(FACTS, checkpoint_sha256=checkpoint_sha256).to_strings()
    entries = "".join(f"<{key.removeprefix(PREFIX)} value={quoteattr(value)}/>" for key, value in strings.items())
    file = RUN / "export" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<net><rt_info><dfdetect>{entries}</dfdetect></rt_info></net>")
    os.utime(file, (age, age))
    return file


@pytest.fixture
def runs():
    checkpoint(Path("lightning_logs/a/version_0/checkpoints/best.ckpt"), b"other", 1)
    checkpoint(BEST, b"best", 2)


def test_a_named_file_is_taken_as_it_is():
    assert find_model(Path("any.onnx")) == Path("any.onnx")


def test_the_newest_runs_newest_exported_model_else_its_checkpoint(runs, capsys):
    assert find_model(None) == BEST
    touch(Path(), "lightning_logs/a/version_0/export/a.onnx", "lightning_logs/b/version_0/report.html")
    assert find_model(None) == BEST
    exported("b-fp32.xml", sha256_of(BEST), 3)
    newest = exported("b-int8.xml", sha256_of(BEST), 4)
    exported("b-fp16.failed.xml", sha256_of(BEST), 5)
    exported("b-fp16.earlier.xml", sha256_of(BEST), 6)
    assert find_model(None) == newest
    assert capsys.readouterr().err == ""


def test_what_was_exported_from_another_checkpoint_is_passed_over_with_a_line(runs, capsys):
    older = exported("b-fp32.xml", sha256_of(BEST), 3)
    exported("b-fp16.xml", 64 * "0", 4)
    assert find_model(None) == older
    said = capsys.readouterr().err
    assert said == (
        f"Passed over {RUN}/export/b-fp16.xml, which was exported from another checkpoint than {BEST}. "
        "Make it anew: dfdetect export\n"
    )
    checkpoint(BEST, b"trained on", 9)
    exported("b-int8.xml", None, 10)
    (RUN / "export" / "b.onnx").write_bytes(b"cut off")
    assert find_model(None) == BEST
    said = capsys.readouterr().err
    assert said.count("which was exported from another checkpoint") == 2
    assert "b-int8.xml, which does not say which checkpoint it was exported from" in said
    assert "b.onnx, which is no whole model (" in said


def test_no_run():
    with pytest.raises(ModelFileError, match=r"No run in lightning_logs.*--model FILE.*dfdetect export"):
        find_model(None)
