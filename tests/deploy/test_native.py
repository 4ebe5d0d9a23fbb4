import os
import subprocess
import sys
from pathlib import Path

from dfdetect.deploy.native import quiet_native

CODE = """
import os, sys
from dfdetect.deploy.native import quiet_native
try:
    with quiet_native():
        os.write(2, b"library inside\\n")
        sys.stderr.write("python inside \\udcff\\n")
        raise ValueError
except ValueError:
    pass
os.write(2, b"library after\\n")
sys.stderr.write("python after\\n")
"""


def test_libraries_are_quiet_and_python_is_not():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, check=True, stderr=subprocess.PIPE)
    assert done.stderr.splitlines() == [rb"python inside \udcff", b"library after", b"python after"]


def test_a_replaced_standard_error_is_left_alone(capsys):
    before = sys.stderr
    with quiet_native():
        assert sys.stderr is before
        sys.stderr.write("kept")
    assert capsys.readouterr().err == "kept"
