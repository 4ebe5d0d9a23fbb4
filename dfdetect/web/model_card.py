"""What a model's file says of itself: what it learned on, how it did, how it judges."""

from dfdetect.deploy.metadata import ModelFacts
from dfdetect.web.doubts import Doubt, doubts_of_model
from dfdetect.web.words import escaped


def model_card(name: str, facts: ModelFacts, about: str = "", margin: float | None = None) -> str:
    """A model's card, closed until it is asked for.

    Args:
        name: that the server calls it by.
        facts: its metadata.
        about: engine, what computes, threads.
        margin: that faces are cut out with; None for whole pictures.
    """
    rows = "".join(f"<dt>{label}</dt><dd>{escaped(text)}</dd>" for label, text in _rows(facts, about, margin))
    return (
        f'<details class="df-card"><summary>About the model <b>{escaped(name)}</b></summary>'
        f"<dl>{rows}</dl><h4>Its limits</h4>{doubt_list(doubts_of_model(facts, margin))}</details>"
    )


def doubt_list(doubts: list[Doubt]) -> str:
    """Doubts as a list."""
    items = "".join(f"<li><b>{escaped(one.title)}.</b> {escaped(one.text)}</li>" for one in doubts)
    return f'<ul class="df-doubts">{items}</ul>'


def _rows(facts: ModelFacts, about: str, margin: float | None) -> list[tuple[str, str]]:
    trained = facts.data_title or "not recorded"
    if facts.data_fingerprint:
        trained += f" (fingerprint {facts.data_fingerprint[:12]})"
    return [
        ("Trained on", trained),
        ("Test", _tested(facts)),
        ("Says fake", _threshold(facts)),
        ("Says uncertain", _band(facts)),
        ("Looks at", _input(facts, margin)),
        ("Network", f"{facts.network}, {facts.precision}, {facts.format}{'; ' + about if about else ''}"),
        ("Made by", f"dfdetect {facts.dfdetect_version}"),
        ("Licence", facts.licence or "not recorded"),
    ]


def _tested(facts: ModelFacts) -> str:
    if facts.test_summary is None:
        return "no result is recorded: nothing is known of how often it is wrong"
    of = "" if facts.precision == "fp32" else f"of the checkpoint that this {facts.precision} file was made from: "
    return f"{of}{facts.test_summary}"


def _threshold(facts: ModelFacts) -> str:
    fitted = "fitted on validation photos" if facts.calibrated else "never fitted on validation photos"
    return f"from p_fake {facts.threshold:.3f} (temperature {facts.temperature:.2f}, {fitted})"


def _band(facts: ModelFacts) -> str:
    band = facts.uncertain
    if band is None:
        return "never by its score alone: no band was chosen"
    return (
        f"from {band.low:.3f} to {band.high:.3f}; on validation {band.coverage:.0%} of {band.n:,} photos lay outside, "
        f"and {band.error:.1%} of those answers were wrong"
    )


def _input(facts: ModelFacts, margin: float | None) -> str:
    size = f"{facts.input_size} x {facts.input_size} pixels"
    what = "the whole picture" if margin is None else f"each face with a margin of {margin:.2f} of its side"
    if facts.crop == "native":
        return f"the middle {size} of {what}, not resized unless it is smaller"
    if margin is None and facts.crop != "resize":
        what = "the largest centred square"
    return f"{what} at {size}" if margin is None else f"{what}, at {size}"
