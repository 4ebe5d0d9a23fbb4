"""The `dfdetect` command: a dispatcher on the standard library that imports a command only when it runs."""

import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module

from dfdetect import __version__
from dfdetect.errors import DFDetectError

COMMANDS = {
    "fit": ("dfdetect.cli", "train a detector:            dfdetect fit --config mobilenetv2"),
    "validate": ("dfdetect.cli", "score the validation part:   dfdetect validate"),
    "test": ("dfdetect.cli", "score the test part:         dfdetect test"),
    "predict": ("dfdetect.cli", "score unlabelled images:     dfdetect predict --data.predict_root photos/"),
    "report": ("dfdetect.report", "write a run's page again:    dfdetect report lightning_logs/demo/version_0"),
    "crossval": ("dfdetect.crossval", "train and test on folds:     dfdetect crossval --config mobilenetv2 --folds 5"),
    "compare": ("dfdetect.compare", "a leaderboard of runs:       dfdetect compare lightning_logs/*/version_0"),
    "ensemble": ("dfdetect.ensemble", "several runs as one:         dfdetect ensemble RUN RUN --method stack"),
    "backbones": ("dfdetect.models.backbones_command", "networks to choose from:     dfdetect backbones"),
    "audit": ("dfdetect.data.audit.command", "find leaks and shortcuts:    dfdetect audit photos/"),
    "crosstest": ("dfdetect.crosstest", "every detector on every set: dfdetect crosstest --roots photos/ other/"),
    "export": ("dfdetect.deploy.export.command", "files for other engines:     dfdetect export --format onnx litert"),
    "scan": ("dfdetect.deploy.scan", "judge photos and videos:     dfdetect scan photos/ clip.mp4"),
    "explain": ("dfdetect.explain.command", "where a detector looked:     dfdetect explain photo.jpg"),
    "explain-score": ("dfdetect.explain.score_command", "is the explanation true?     dfdetect explain-score"),
    "serve": ("dfdetect.web.serve", "a page and an API:           dfdetect serve --model model.onnx"),
    "benchmark": ("dfdetect.deploy.benchmark.command", "time model files:            dfdetect benchmark model.onnx"),
    "cache": ("dfdetect.data.cache_command", "show or clear cached pixels: dfdetect cache --clear"),
}

HELP = """usage: dfdetect COMMAND [options]        (also: python -m dfdetect)

Trains, judges and ships detectors that tell real face photos from fake ones.

commands:
{commands}

options:
  -h, --help     this text; `dfdetect COMMAND --help` lists a command's options
  --version      the version
  --debug        show the traceback of an error

Start without any download: dfdetect fit --config demo
"""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: the command line after `dfdetect`; by default the process's own.

    Returns:
        Exit code: 0 done, 1 ran and something failed, 2 wrong usage.
    """
    arguments = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(HELP.format(commands="\n".join(f"  {name:<14}{text}" for name, (_, text) in COMMANDS.items())))
        return 0 if arguments else 2
    if arguments[0] == "--version":
        sys.stdout.write(f"dfdetect {__version__}\n")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        return _fail(f"no command {name!r}; there are: {', '.join(COMMANDS)}", 2)
    return _run(name, rest, debug)


def _run(name: str, arguments: list[str], debug: bool) -> int:
    try:
        import_module("dfdetect.process").prepare_process()
        run: Callable[[str, list[str]], int] = import_module(COMMANDS[name][0]).run
        return run(name, arguments)
    except DFDetectError as error:
        if debug:
            traceback.print_exc()
        return _fail(str(error), error.exit_code)
    except OSError as error:  # a disk that is full, a folder that may not be written: nothing that is ours to explain
        if debug:
            traceback.print_exc()
        return _fail(_of_the_system(error), 1)
    except KeyboardInterrupt as interrupt:
        return _fail("interrupted", getattr(interrupt, "exit_code", 130))


def _of_the_system(error: OSError) -> str:
    if error.strerror is None:
        return " ".join(str(error).split())
    return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"dfdetect: error: {message}\n")
    return code
