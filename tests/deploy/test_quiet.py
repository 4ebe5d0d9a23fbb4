import logging
import os
import sys
import warnings

import pytest

from dfdetect.deploy.quiet import closed, hushed


def test_nothing_gets_out_and_everything_does_again_afterwards(capfd, caplog):
    with hushed():
        print("python")
        os.write(1, b"native\n")
        os.write(2, b"native\n")
        logging.getLogger("any").warning("logged")
        warnings.warn("warned", stacklevel=1)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    print("after")
    os.write(2, b"error\n")
    logging.getLogger("any").warning("logged")
    assert capfd.readouterr() == ("after\n", "error\n")
    assert len(caplog.records) == 1


def test_errors_come_through_and_open_the_channels(capfd):
    with pytest.raises(ValueError, match="seen"), hushed():
        raise ValueError("seen")
    print("after")
    assert capfd.readouterr().out == "after\n"


def test_one_channel_alone(capfd):
    print("before", file=sys.stderr)
    with closed(2):
        print("out")
        print("lost", file=sys.stderr)
    assert capfd.readouterr() == ("out\n", "before\n")
