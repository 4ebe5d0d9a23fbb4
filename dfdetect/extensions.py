"""Modules outside of this package: named by import path, and imported only where the environment allows it.

A checkpoint names its backbone and its front-end. If it could name any module, a file from elsewhere would decide what
is imported; so the user lists, in `$DFDETECT_EXTENSIONS`, the modules that may be.
"""

import os
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from typing import TypeVar

from dfdetect.errors import UsageError

VARIABLE = "DFDETECT_EXTENSIONS"
"""Of the environment: names of top-level modules, separated by commas."""

T = TypeVar("T")


def is_import_path(name: str) -> bool:
    """Whether a name has the form of an import path, MODULE.NAME or PACKAGE.MODULE.NAME."""
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def load_extension(path: str, kind: type[T], setting: str) -> T:
    """The object of that import path.

    Args:
        path: as `is_import_path` has it.
        kind: what it must be an instance of, so that a file can name nothing that was not made for this.
        setting: which names it, for errors.

    Raises:
        UsageError: its module is not allowed, not found, or fails; or it has no such object.
    """
    module_name, _, name = path.rpartition(".")
    _refuse_unlisted(module_name.partition(".")[0], f"{setting} {path}")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _failed(module_name, setting, path, error) from error
        raise UsageError(
            f"{setting} {path}: Python finds no module {error.name}. In the folder that holds it: export PYTHONPATH=."
        ) from None
    except Exception as error:  # whatever a module may raise
        raise _failed(module_name, setting, path, error) from error
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if isinstance(value, kind)]
        near = get_close_matches(name, own, n=1)
        raise UsageError(
            f"{setting} {path}: {module_name} has no {name}; of the kind {kind.__name__} it has "
            f"{', '.join(own) or 'none'}" + (f"; did you mean {near[0]}?" if near else "")
        )
    found = getattr(module, name)
    if not isinstance(found, kind):
        raise UsageError(
            f"{setting} {path} is a {type(found).__name__}, not a {kind.__name__} of {kind.__module__}: see "
            "docs/extend.md"
        )
    return found


def _refuse_unlisted(module: str, what: str) -> None:
    listed = [one.strip() for one in os.environ.get(VARIABLE, "").split(",") if one.strip()]
    if module in listed:
        return
    where = "" if _is_found(module) else " PYTHONPATH=."
    raise UsageError(
        f"{what}: the module {module} is not part of dfdetect, and a file must not decide what is imported. If you "
        f"trust it: export {VARIABLE}={','.join([*listed, module])}{where}"
    )


def _is_found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a module that stands in sys.modules without a spec
        return True


def _failed(module: str, setting: str, path: str, error: Exception) -> UsageError:
    said = " ".join(str(error).split())
    return UsageError(f"{setting} {path}: {module} cannot be imported ({type(error).__name__}: {said})")
