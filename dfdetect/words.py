"""Words for people that several parts write alike."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 pair`, `1,200 pairs`; `many` for a plural that is not made by an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
