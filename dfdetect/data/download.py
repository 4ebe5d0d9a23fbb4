"""The published data set from Kaggle, fetched once into the data root."""

import os
import shutil
from pathlib import Path

from dfdetect.errors import DownloadError

KAGGLE_HANDLE = "uditsharma72/real-vs-fake-faces"
KAGGLE_URL = f"https://www.kaggle.com/datasets/{KAGGLE_HANDLE}"


def is_missing(root: Path) -> bool:
    """Whether a data root is not there, or an empty folder."""
    return not root.exists() or (root.is_dir() and not any(root.iterdir()))


def download_kaggle(root: Path) -> None:
    """Fetch the Kaggle set *Real vs Fake Faces* into `root` through kagglehub, which shows a progress bar.

    It arrives in a folder beside `root` and is moved when it is whole, so that an interrupted download is never taken
    for the data. Public sets need no account.

    Raises:
        DownloadError: offline, refused, or no room; the message names the ways on.
    """
    import kagglehub

    arriving = root.parent / f".{root.name}.download"
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        fetched = Path(kagglehub.dataset_download(KAGGLE_HANDLE, output_dir=str(arriving), force_download=True))
        if root.exists():
            root.rmdir()
        if fetched == arriving:
            os.replace(arriving, root)
        else:  # Colab and Kaggle notebooks mount the set read-only in a place of their own
            os.symlink(fetched.resolve(), root, target_is_directory=True)
    except Exception as error:  # requests', kagglehub's and the file system's own errors, all with one answer
        shutil.rmtree(arriving, ignore_errors=True)
        raise DownloadError(_ways_on(root, error)) from error


def _ways_on(root: Path, error: Exception) -> str:
    cause = str(error).strip().splitlines()
    return (
        f"{KAGGLE_URL} could not be fetched into {root} "
        f"({type(error).__name__}: {cause[0] if cause else 'no reason given'}).\n"
        "Three ways on:\n"
        "  1. go online and run the same command again; if Kaggle refuses, set KAGGLE_API_TOKEN (an account's token)\n"
        f"  2. download the archive in a browser and unpack it into {root}\n"
        "  3. use images of your own with --data.root DIR --data.download false, or generated faces with --config demo"
    )
