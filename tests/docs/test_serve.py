"""The examples of docs/serve.md, each run as it is typed but for the port."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("uvicorn")

from dfdetect.deploy.film import annotated_copy
from dfdetect.web.limits import Limits
from dfdetect.web.refusals import STATUS
from dfdetect.web.serve_options import parser
from tests.web.conftest import encoded
from tests.web.standing import serving

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "serve.md").read_text("utf-8")
ADDRESS = "http://localhost:7860"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def address(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(encoded(242, "JPEG"))
    with annotated_copy(tmp_path / "clip.mp4", (64, 64), 10.0) as write:
        for _ in range(5):
            write(np.full((64, 64, 3), (250, 90, 90), np.uint8))
    (tmp_path / "private").mkdir()
    with serving(tmp_path / "private", names=("model", "other")) as client:
        yield f"http://localhost:{client.port}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")
def test_every_curl_line_is_answered(address, tmp_path):
    lines = [
        line for block in blocks("bash") for line in block.splitlines() if ADDRESS in line or "request.json" in line
    ]
    lines = [line for line in lines if not line.startswith("dfdetect")]
    assert len(lines) >= 6
    for line in lines:
        command = line.replace(ADDRESS, address).replace("curl ", "curl -sS --fail-with-body ", 1)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if "detect" in line:
            assert all("judgements" in result for result in json.loads(done.stdout)["results"])


def test_the_python_example_prints_what_came(address, tmp_path):
    pytest.importorskip("httpx")
    [program] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, address)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    photo, clip = done.stdout.splitlines()
    assert photo.startswith("photo.jpg fake 0.9")
    assert clip.startswith("clip.mp4 fake 0.9")


def test_the_shown_answer_has_the_form_of_a_real_one(address, tmp_path):
    import urllib.request

    from tests.web.standing import form

    [shown] = [json.loads(block) for block in blocks("json")]
    kind, body = form(("file", (tmp_path / "photo.jpg").read_bytes(), "photo.jpg"))
    asked = urllib.request.Request(f"{address}/api/v1/detect", body, {"Content-Type": kind})
    with urllib.request.urlopen(asked) as answer:
        real = json.load(answer)
    assert _shape(shown) == _shape(real)


def test_commands_and_figures_are_those_of_the_program():
    for line in (line for block in blocks("bash") for line in block.splitlines() if line.startswith("dfdetect serve")):
        parser("serve").parse_args(line.split("#")[0].split()[2:])
    errors = TEXT.partition("### Errors")[2].partition("## ")[0]
    for row in re.findall(r"^\| (`.*?) \| ([\d, ]+) \|", errors, re.MULTILINE):
        kinds, statuses = re.findall("`([a-z_]+)`", row[0]), [int(one) for one in row[1].split(", ")]
        assert [STATUS[kind] for kind in kinds] == (statuses if len(statuses) > 1 else statuses * len(kinds))
    assert f"sends less than {Limits().slowest_bytes_s // 1000} KB/s for {Limits().patience_s:g} s" in TEXT
    assert f"{Limits().files} files; 16 KB of headers" in TEXT


def test_the_unit_and_the_container_start_what_there_is():
    unit = (ROOT / "examples" / "serve" / "dfdetect.service").read_text("utf-8")
    [line] = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    parser("serve").parse_args(line.split()[2:])
    container = (ROOT / "examples" / "serve" / "Containerfile").read_text("utf-8")
    [entry] = re.findall(r"^ENTRYPOINT (.*)$", container, re.MULTILINE)
    [arguments] = re.findall(r"^CMD (.*)$", container, re.MULTILINE)
    parser("serve").parse_args(json.loads(entry)[2:] + json.loads(arguments))
    assert "\nUSER dfdetect\n" in container


def test_the_commands_before_the_unit_lay_there_what_it_needs():
    unit = (ROOT / "examples" / "serve" / "dfdetect.service").read_text("utf-8")
    commands = TEXT.partition("examples/serve/dfdetect.service)")[2].partition("systemctl enable")[0]
    named = set(re.findall(r"(/(?:srv/dfdetect/|etc/)[^\s:]+)", unit.partition("[Unit]")[2]))
    assert len(named) == 5
    for path in named:
        folder = path.partition("/bin/")[0] if "/venv/" in path else path
        assert folder in commands or f"{Path(path).name} {Path(path).parent}/\n" in commands, path
    assert not re.search(r"pip install \"?dfdetect", unit + commands), "it is not published"


def _shape(value):
    """Names and kinds of an answer; a whole picture's box is null."""
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items() if key != "box"}
    if isinstance(value, list):
        return [_shape(one) for one in value[:1]]
    return type(value).__name__
