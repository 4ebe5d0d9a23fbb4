"""Verdicts in words and signs, the same in every part of the page: never by colour alone."""

from html import escape

from dfdetect.deploy.metadata import Verdict

HEADLINES: dict[Verdict, str] = {"fake": "Looks fake", "real": "Looks real", "uncertain": "Uncertain"}
_SHAPES: dict[Verdict, str] = {
    "fake": '<path d="M8 1.6 15 14.4H1Z"/>',
    "real": '<circle cx="8" cy="8" r="6.6"/>',
    "uncertain": '<path d="M8 .8 15.2 8 8 15.2.8 8Z"/>',
}
CAUTION = (
    "A verdict is a guess with an error rate, measured on photos like the model's own. Do not accuse anybody by it."
)


def sign(verdict: Verdict) -> str:
    """A triangle for fake, a circle for real, a diamond for uncertain; the word must stand beside it."""
    return f'<svg class="df-sign" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{_SHAPES[verdict]}</svg>'


def headline(verdict: Verdict) -> str:
    """Sign and words."""
    return f"{sign(verdict)}<span>{HEADLINES[verdict]}</span>"


def figure(p_fake: float) -> str:
    """A score for reading: two digits, but never 0 or 1, which no score is."""
    if 0 < p_fake < 0.005:
        return "below 0.01"
    return "above 0.99" if 0.995 <= p_fake < 1 else f"{p_fake:.2f}"


def escaped(text: str) -> str:
    """Text that may hold anything, for HTML and its attributes."""
    return escape(text, quote=True)
