"""Where pixels are kept as they are, what a file's codec left in them is kept too: said before anyone trains on it."""

from pathlib import Path

from dfdetect.data.resize import Crop


def resampling_note(crop: Crop, room: int, size: int) -> str | None:
    """What a fit says where training pictures may be interpolated although `native` resizes none; None otherwise.

    Args:
        crop: of the data module.
        room: side in pixels of the pictures that augmentation gets.
        size: side of the network's input.
    """
    if crop != "native":
        return None
    enlarged = (
        f"pictures smaller than {room} pixels (data.zoom_room) are enlarged in training, and " if room > size else ""
    )
    return (
        f"data.crop: native resizes no picture of {size} pixels and more in a test; but {enlarged}augmentation that "
        "rotates or zooms, as the recipe's does, interpolates. For pixels as they are: --data.zoom_room 1 and "
        "data.augment of flips alone"
    )


def codec_note(crop: Crop, normalise_encoding: int | None, origin: Path) -> str | None:
    """What a fit says of such pixels, in a line; None where resizing averages them, or all come from one encoder."""
    if crop != "native" or normalise_encoding is not None:
        return None
    return (
        "data.crop: native keeps what each file's codec left in its pixels, and a network can learn that in place of "
        f"the forgery. Ask whether files tell the class: dfdetect audit {origin}; and re-encode both classes alike: "
        "--data.normalise_encoding 90"
    )
