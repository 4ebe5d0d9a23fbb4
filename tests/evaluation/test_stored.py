"""What a test wrote is read back as it was; what is damaged is refused with its line."""

import numpy as np
import pytest

from dfdetect.errors import ResultsError
from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.stored import read_metrics, read_predictions
from dfdetect.evaluation.tables import write_predictions


def test_what_was_written_is_read_back(tmp_path):
    label, p_fake = np.array([0, 1, 1]), np.array([0.125, 1.0, 2.5e-9])
    written = Predictions(["a,b.jpg", 'c"d.jpg', "é.jpg"], label, p_fake, ["g", "g", "é.jpg"], ["", "swap", ""])
    write_predictions(tmp_path / "predictions.csv", written)
    read = read_predictions(tmp_path / "predictions.csv")
    assert (read.path, read.group, read.source) == (written.path, written.group, written.source)
    assert read.label.tolist() == [0, 1, 1]
    assert read.p_fake == pytest.approx(p_fake, rel=1e-8)


def test_group_and_source_may_be_missing(tmp_path):
    (tmp_path / "p.csv").write_text("path,label,p_fake\na.jpg,REAL,0.5\nb.jpg,1,0.25\n")
    read = read_predictions(tmp_path / "p.csv")
    assert (read.group, read.source, read.label.tolist()) == (["a.jpg", "b.jpg"], ["", ""], [0, 1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("path,label\na.jpg,real\n", "no column p_fake"),
        ("", "no column label, p_fake, path"),
        ("path,label,p_fake\n", "no prediction in it"),
        ("path,label,p_fake\na.jpg,real,0.5\nb.jpg,maybe,0.5\n", "line 3: label 'maybe' is neither"),
        ("path,label,p_fake\na.jpg,real,nan\n", "line 2: p_fake 'nan' is no number from 0 to 1"),
        ("path,label,p_fake\na.jpg,real,1.5\n", "p_fake '1.5'"),
        ("path,label,p_fake\na.jpg,real,\n", "p_fake ''"),
        ("path,label,p_fake\na.jpg,real\n", "line 2: 2 fields, 3 expected"),
        ("path,label,p_fake\na.jpg,real,0.1\na.jpg,fake,0.2\n", "line 3: a.jpg stands there twice, first in line 2"),
        ("path,label,p_fake\n\na.jpg,real,0.1\n\nb.jpg,fake,2\n", "line 5: p_fake '2'"),
    ],
)
def test_damaged_predictions_are_refused_in_words(content, said, tmp_path):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(ResultsError) as error:
        read_predictions(tmp_path / "p.csv")
    assert said in str(error.value)


def test_missing_and_undecodable_files_are_refused(tmp_path):
    (tmp_path / "p.csv").write_bytes(b"path,label,p_fake\n\xff\xfe,real,0.1\n")
    for name in ("p.csv", "gone.csv"):
        with pytest.raises(ResultsError, match="dfdetect test"):
            read_predictions(tmp_path / name)


@pytest.mark.parametrize("content", [b"{", b"[1, 2]", b"\xff"])
def test_damaged_metrics_are_refused(content, tmp_path):
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(ResultsError, match="dfdetect test"):
        read_metrics(tmp_path / "metrics.json")
