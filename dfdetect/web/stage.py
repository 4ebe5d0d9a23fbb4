"""The picture on its stage: boxes over it, the evidence under a switch, and the scale that says what colours mean."""

from collections.abc import Sequence

from dfdetect.deploy.verdicts import FaceVerdict
from dfdetect.explain.colours import EVIDENCE, table
from dfdetect.web.words import escaped, sign

_STOPS = 9
_TALLEST = "34rem"


def stage(
    plain: str, heat: str, alt: str, faces: Sequence[tuple[str, FaceVerdict]], size: tuple[int, int] | None
) -> str:
    """A picture with a numbered box around each face.

    Args:
        plain: address of the picture.
        heat: address of the same under its evidence; may be empty.
        alt: the picture in words; the faces follow as text beside it.
        faces: with their names, which end in a number; the box holds the number.
        size: width and height that the boxes are given in.
    """
    boxes = "".join(_box(name, face, size) for name, face in faces) if size else ""
    over = f'<img class="df-heat" alt="" src="{heat}">' if heat else ""
    # as wide as its column, but not higher than a screen
    widest = f' style="max-width:calc({_TALLEST} * {size[0] / size[1]:.3f})"' if size else ""
    return f'<figure class="df-stage"{widest}><img alt="{escaped(alt)}" src="{plain}">{over}{boxes}</figure>'


def heat_switch(model: str) -> str:
    """What lays the evidence over a model's pictures, with the scale's meaning."""
    return (
        '<div class="df-heat-row"><label class="df-switch"><input type="checkbox" role="switch" '
        f'aria-label="Show the evidence of {escaped(model)}"><i aria-hidden="true"></i>'
        "<span>Show where the evidence lies</span></label>"
        f'<div class="df-scale"><div class="df-ramp" style="background:linear-gradient(90deg,{_ramp()})"></div>'
        f"<div><span>{-EVIDENCE.full:g} real</span><span>0 nothing</span><span>{EVIDENCE.full:+g} fake</span></div>"
        f"<p>In {EVIDENCE.unit}. The colours mean the same in every picture; one that stays grey holds no "
        "evidence. They show what moved this model, not what was edited.</p></div></div>"
    )


def _box(name: str, face: FaceVerdict, size: tuple[int, int]) -> str:
    if face.box is None:
        return ""
    shares = [100 * n / size[i % 2] for i, n in enumerate(face.box)]
    left, top = max(0.0, shares[0]), max(0.0, shares[1])
    right, bottom = min(100.0, shares[0] + shares[2]), min(100.0, shares[1] + shares[3])
    if right <= left or bottom <= top:
        return ""
    place = f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"
    return (
        f'<div class="df-box df-{face.verdict}" style="{place}" aria-hidden="true">'
        f"<span>{sign(face.verdict)}{escaped(name.split()[-1])}</span></div>"
    )


def _ramp() -> str:
    colours = table(2 * _STOPS + 1)
    return ",".join(f"rgb({red} {green} {blue})" for red, green, blue in colours.tolist())
