"""What docs/extend.md says, done: its files, its commands and its program are taken from the page itself."""

import csv
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from dfdetect.data.own_layout import list_samples
from dfdetect.data.transforms import Augmentation
from dfdetect.errors import UsageError
from dfdetect.models.checkpoint import read_detector_checkpoint
from tests.fits import tiny_detector

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "extend.md").read_text("utf-8")
FILES = dict(re.findall(r"`(\w+\.\w+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
[COMMANDS] = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PROGRAM = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[-1]
[(REFUSED, REFUSAL)] = re.findall(r"^```\n\$ dfdetect (.*?)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
RUN = Path("lightning_logs/mine/version_0")
# the two programs that the page calls: this Python with this package; with -P only PYTHONPATH finds what lies here
SHELL = f"""set -e
python() {{ PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}{ROOT}" '{sys.executable}' -P "$@"; }}
dfdetect() {{ python -m dfdetect "$@"; }}
"""


def shell(commands: str, folder: Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(["bash", "-c", SHELL + commands], cwd=folder, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def write_files(folder: Path) -> None:
    assert set(FILES) == {"my_ideas.py", "mine.yaml", "draw_photos.py"}
    for name, text in FILES.items():
        (folder / name).write_text(text)


@pytest.fixture
def ideas(tmp_path, monkeypatch):
    """The page's module, imported, in a folder with a few photos of the names that it reads."""
    write_files(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DFDETECT_EXTENSIONS", "my_ideas")
    (tmp_path / "photos").mkdir()
    for name in ("0001-real", "0001-smoothed", "0002-real", "0002-part_swap"):
        (tmp_path / "photos" / f"{name}.jpg").touch()
    yield import_module("my_ideas")
    del sys.modules["my_ideas"]


def test_the_detector_of_the_page_sees_through_both(ideas):
    detector = tiny_detector(**yaml.safe_load(FILES["mine.yaml"])["model"]).eval()
    pixels = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8)
    assert detector.input_size == 112
    assert detector.features(pixels).shape == (2, 128, 14, 14)
    assert detector(pixels).shape == (2, 2)
    seen = detector.normalise(pixels)[:, 3:]
    assert float(seen.min()) >= -1
    assert 0.5 < float(seen.max()) < 5  # pure noise, the sharpest there is
    assert float(ideas.Sharpness()(torch.full((1, 3, 16, 16), 90.0)).max()) == pytest.approx(-1, abs=1e-4)


def test_the_noise_grows_with_light_and_depends_on_its_seed_alone(ideas):
    augmentation = Augmentation([ideas.SensorNoise(gain=(1.0, 1.0), p=1.0)])
    augmentation.check(32)
    image = np.full((64, 64, 3), 25, np.uint8)
    image[32:] = 100
    once, again, other = (augmentation(image, seed, epoch=0, index=0).astype(float) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert once[:32].std() == pytest.approx(5, rel=0.05)
    assert once[32:].std() == pytest.approx(10, rel=0.05)


def test_the_layout_reads_person_and_forger_from_names(ideas, tmp_path):
    samples = list_samples(tmp_path / "photos", None, "my_ideas.by_name")
    assert samples.labels.tolist() == [int("real" not in path) for path in samples.paths]
    assert samples.groups() == [path[:4] for path in samples.paths]
    assert sorted(samples.column("source")) == ["", "", "part_swap", "smoothed"]


def test_what_is_not_listed_is_refused_in_the_words_of_the_page(monkeypatch):
    monkeypatch.delenv("DFDETECT_EXTENSIONS", raising=False)
    with pytest.raises(UsageError) as caught:
        tiny_detector(frontend="rgb+my_ideas.sharpness")
    assert f"dfdetect: error: {caught.value}" == " ".join(REFUSAL.split())


@pytest.mark.slow
def test_all_that_the_page_says_is_done(tmp_path):
    write_files(tmp_path)
    said = shell(COMMANDS, tmp_path).stdout
    assert "| my_ideas.small_net | rgb+my_ideas.sharpness | 112" in said
    assert re.search(r"^(real|fake|uncertain) +[01]\.\d+ .*photos/0000-part_swap\.jpg(  .+)?$", said, re.MULTILINE)

    config = yaml.safe_load((tmp_path / RUN / "config.yaml").read_text())
    wanted = yaml.safe_load(FILES["mine.yaml"])
    assert {name: config["model"][name] for name in wanted["model"]} == wanted["model"]
    assert {name: config["data"][name] for name in wanted["data"]} == wanted["data"]

    checkpoint = read_detector_checkpoint(tmp_path / RUN / "checkpoints" / "last.ckpt")
    assert checkpoint["epoch"] == 2  # from 0: gone on with
    assert checkpoint["hyper_parameters"]["backbone"] == "my_ideas.small_net"
    assert checkpoint["datamodule_hyper_parameters"]["layout"] == "my_ideas.by_name"
    with open(tmp_path / RUN / "split.csv", newline="") as stream:
        parts: dict[str, set[str]] = {}
        for row in csv.DictReader(stream):
            parts.setdefault(Path(row["path"]).name[:4], set()).add(row["split"])
    assert len(parts) == 120
    assert all(len(part) == 1 for part in parts.values())

    (tmp_path / "elsewhere.ckpt").write_bytes((tmp_path / RUN / "checkpoints" / "best.ckpt").read_bytes())
    refused = shell(f"dfdetect {REFUSED.replace('best.ckpt', 'elsewhere.ckpt')}", tmp_path, check=False)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == " ".join(REFUSAL.split())

    (tmp_path / "my_ideas.py").unlink()  # the exported file needs it not
    (tmp_path / "program.py").write_text(PROGRAM)
    assert 0 <= float(shell("python program.py", tmp_path).stdout) <= 1
