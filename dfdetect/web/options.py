"""How the application around the service answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WebOptions:
    """Who is answered, and what.

    Attributes:
        token: that every request but `/healthz` must carry; None for none.
        hosts: names under which it is asked; a request under another one is refused, as DNS rebinding would make it.
            None for any.
        page: serve the page, which needs Gradio.
    """

    token: str | None = None
    hosts: frozenset[str] | None = None
    page: bool = True
