"""Refusals in words for people: what happened, and what to do."""

from dfdetect.errors import RequestError

_TITLES = {
    "unreadable": (
        "This is no photo or clip that can be read",
        "JPEG, PNG, WebP, MP4, WebM and their like can be read.",
    ),
    "too_many_pixels": ("Too large to be decoded", "Send a smaller version of it."),
    "too_large": ("The file is too large", "Send a smaller one, or a shorter clip."),
    "queue_full": ("Busy", "Others are being answered. Try again in a few seconds."),
    "timed_out": ("It took too long", "Send a shorter clip or a smaller photo."),
    "unavailable": ("Not ready", "The server is stopping or has trouble. Try again later."),
}


def explained(error: RequestError) -> tuple[str, str]:
    """A title and a sentence: the error's own cause and what to do about it."""
    title, remedy = _TITLES.get(error.kind, ("Not judged", "Try another file."))
    return title, f"{str(error).rstrip('.')}. {remedy}"
