"""Where pixels are kept as they are, what a file's codec left in them is kept too: said before anyone trains on it."""

from pathlib import Path


def native_notes(normalise_encoding: int | None, origin: Path, size: int, room: int) -> list[str]:
    """What a fit says of pixels at the picture's own resolution, each in a line.

    Args:
        normalise_encoding: of the data module; with one all pictures come from one encoder.
        origin: what the images are listed in.
        size: side of the network's input in pixels.
        room: side of the pictures that augmentation gets.
    """
    codec = (
        "data.crop: native keeps what each file's codec left in its pixels, and a network can learn that in place of "
        f"the forgery. Ask whether files tell the class: dfdetect audit {origin}; and re-encode both classes alike: "
        "--data.normalise_encoding 90"
    )
    enlarged = f"pictures smaller than {room} pixels (data.zoom_room) are enlarged in training, and "
    resampling = (
        f"data.crop: native resizes no picture of {size} pixels and more in a test; but "
        f"{enlarged if room > size else ''}augmentation that rotates or zooms, as the recipe's does, interpolates. For "
        "pixels as they are: --data.zoom_room 1 and data.augment of flips alone"
    )
    return [resampling] if normalise_encoding is not None else [codec, resampling]
