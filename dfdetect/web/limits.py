"""What the server takes on at most."""

from dataclasses import dataclass

MEGABYTE = 1_000_000
MOST_HEADER_BYTES = 16_384
"""Of a request's headers and its address."""


@dataclass(frozen=True)
class Limits:
    """Bounds that hold whatever is sent.

    Attributes:
        upload_bytes: of the body of one request.
        pixels: width x height of one picture, or of one frame of a clip; larger ones are not decoded.
        files: in one request.
        queue: files that wait; beyond, a request is refused at once.
        seconds: from the last byte of a request to its answer.
        threads: files judged at once.
        patience_s: that a request's body may take to come, besides one for each `slowest_bytes_s` of it.
        slowest_bytes_s: bytes in a second below which a client is cut off.
        bytes_in_hand: of all requests together that have come and are not answered yet; and of the page's
            uploads on disk.
    """

    upload_bytes: int = 20 * MEGABYTE
    pixels: int = 50_000_000
    files: int = 16
    queue: int = 32
    seconds: float = 30.0
    threads: int = 2
    patience_s: float = 10.0
    slowest_bytes_s: int = 50_000

    @property
    def bytes_in_hand(self) -> int:
        """Room for a few of the largest requests, or for many usual ones."""
        return max(8 * self.upload_bytes, 128 * MEGABYTE)
