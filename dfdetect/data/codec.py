"""Where pixels are kept as they are, what a file's codec left in them is kept too: said before anyone trains on it."""

from pathlib import Path

from dfdetect.data.resize import Crop


def codec_note(crop: Crop, normalise_encoding: int | None, origin: Path) -> str | None:
    """What a fit says of such pixels, in a line; None where resizing averages them, or all come from one encoder."""
    if crop != "native" or normalise_encoding is not None:
        return None
    return (
        "data.crop: native keeps what each file's codec left in its pixels, and a network can learn that in place of "
        f"the forgery. Ask whether files tell the class: dfdetect audit {origin}; and re-encode both classes alike: "
        "--data.normalise_encoding 90"
    )
