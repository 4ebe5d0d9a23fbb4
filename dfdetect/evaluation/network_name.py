"""How networks are called: of an ensemble the name says all that it is built of."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from dfdetect.errors import UsageError

ENSEMBLE = "ensemble:"
"""Before what an ensemble is made of."""
Method = Literal["mean", "logit", "stack"]
METHODS: tuple[Method, ...] = get_args(Method)
_RGB, _MAPS, _FLIP = "rgb", "maps", "flip"


@dataclass(frozen=True)
class Member:
    """What one detector of an ensemble is built of.

    Attributes:
        backbone, frontend: as in `model.backbone` and `model.frontend`.
        flip: whether it scores the mean over a picture and its mirror image, `model.test_time_flip`.
    """

    backbone: str
    frontend: str = _RGB
    flip: bool = False

    def __str__(self) -> str:
        """BACKBONE, BACKBONE|FRONTEND or BACKBONE|FRONTEND|flip."""
        parts = [self.backbone, self.frontend, _FLIP] if self.flip else [self.backbone, self.frontend]
        return "|".join(parts[:1] if parts[1:] == [_RGB] else parts)


@dataclass(frozen=True)
class Composition:
    """What the name of an ensemble says: `ensemble:METHOD:MEMBER,MEMBER`, METHOD.maps where members keep their maps.

    Attributes:
        method: `mean` of the members' p_fake, or their margins weighed alike (`logit`) or as fitted (`stack`).
        members: two or more.
        maps: whether their heatmaps, and not only their margins, are weighed: all of one grid then.
    """

    method: Method
    members: tuple[Member, ...]
    maps: bool = False

    def __str__(self) -> str:
        """The name, as in `model.backbone`."""
        method = f"{self.method}.{_MAPS}" if self.maps else self.method
        return f"{ENSEMBLE}{method}:{','.join(map(str, self.members))}"

    @classmethod
    def parse(cls, name: str) -> "Composition":
        """Read a name; raises `UsageError` for one that `str` of none gives."""
        method, _, listed = name.removeprefix(ENSEMBLE).partition(":")
        method, _, maps = method.partition(".")
        members = tuple(_member(one) for one in listed.split(","))
        known: Any = method
        found = cls(known, members, maps == _MAPS)
        if method not in METHODS or str(found) != name or len(members) < 2:
            raise UsageError(
                f"model.backbone {name!r} is no ensemble: they are made of trained runs: dfdetect ensemble RUN RUN"
            )
        return found


def _member(text: str) -> Member:
    backbone, _, rest = text.partition("|")
    frontend, _, flip = rest.partition("|")
    return Member(backbone, frontend or _RGB, flip == _FLIP)


def network_name(backbone: str, frontend: str = _RGB) -> str:
    """A backbone, and what it sees unless that is the plain picture; of an ensemble how it is joined and of what."""
    if not backbone.startswith(ENSEMBLE):
        return backbone if frontend == _RGB else f"{backbone} on {frontend}"
    try:
        found = Composition.parse(backbone)
    except UsageError:  # of a result that somebody has changed
        return backbone
    named = [network_name(one.backbone, one.frontend) + (" with flips" if one.flip else "") for one in found.members]
    return f"ensemble of {', '.join(named)} ({found.method})"
