"""Errors a user can act on: each names the cause and, where there is one, the next command to type.

The command line prints their message in one line and leaves with `exit_code`; any other exception is a bug of ours.
"""


class DFDetectError(Exception):
    """Base of every error that is shown to a user without a traceback."""

    exit_code = 1


class UsageError(DFDetectError):
    """The command line or the configuration asks for something that cannot be done."""

    exit_code = 2


class DataLayoutError(DFDetectError):
    """A data root, folder or manifest is not laid out in a way that is understood."""


class DecodeError(DFDetectError):
    """One file could not be turned into an image.

    Attributes:
        name: the file, as it was given.
        cause: what is wrong with it, in a few words.
    """

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name
        self.cause = cause

    def __reduce__(self) -> tuple[type["DecodeError"], tuple[str, str]]:
        return type(self), (self.name, self.cause)


class TooLargeError(DecodeError):
    """A picture has more pixels than are decoded."""


class CopyError(DFDetectError):
    """An annotated copy of a video cannot be written."""


class CameraError(DFDetectError):
    """A camera cannot be opened, or gives no more pictures."""


class DownloadError(DFDetectError):
    """Data or weights could not be fetched."""


class CheckpointError(DFDetectError):
    """A checkpoint is missing, unsafe, incomplete, or does not fit the data it is tested on."""


class TrainingError(DFDetectError):
    """A fit cannot go on: the loss is not finite, too many files are bad, or memory ran out."""


class ResultsError(DFDetectError):
    """Results of a test are missing or damaged, or those of several runs cannot be compared."""


class ModelFileError(DFDetectError):
    """An exported model cannot be used."""


class ForeignModelError(ModelFileError):
    """A file that no `dfdetect export` wrote, or one of a later version than this."""


class DamagedModelError(ModelFileError):
    """An exported model that was cut off, or changed since it was exported."""


class ExportError(DFDetectError):
    """A detector cannot be exported, or the exported file does not decide as the checkpoint does."""


class ExplainError(DFDetectError):
    """A detector cannot be explained in the way that was asked for."""


class BenchmarkError(DFDetectError):
    """A model could not be measured in a process of its own.

    Args:
        message: what that process said, or how it ended.
        exit_code: of the error that it said.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class RequestError(DFDetectError):
    """A request to the server that is not answered as asked.

    Args:
        kind: what a program may tell it by; the kinds are those of `dfdetect.web.refusals`.
        message: for a person; it names nothing of the server's.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class MissingExtraError(DFDetectError):
    """A library that is optional is not installed.

    Args:
        extra: the extra that brings it.
        needed_for: what it is needed for, in words.
        library: its name.
    """

    def __init__(self, extra: str, needed_for: str, library: str) -> None:
        super().__init__(f"{needed_for} needs {library}, which is not installed: pip install 'dfdetect[{extra}]'")
        self.extra = extra
