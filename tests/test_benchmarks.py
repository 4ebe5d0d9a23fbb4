"""What the measuring scripts take from the environment."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


def test_the_face_model_of_the_environment_is_used_and_its_lack_is_told_without_a_traceback():
    done = subprocess.run(
        [sys.executable, SCRIPTS / "group_errors.py", "run", "--base", "."],
        env=os.environ | {"DFDETECT_FACE_MODEL": "gone.onnx", "PYTHONPATH": str(SCRIPTS.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "Face model gone.onnx: no such file (named by --face-model or $DFDETECT_FACE_MODEL)\n"
