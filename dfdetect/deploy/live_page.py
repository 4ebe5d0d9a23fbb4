"""The page of a camera: its picture, and what is said of each face; for desktop and phone, light and dark."""

import base64
import hashlib
import json
from dataclasses import dataclass
from html import escape

from dfdetect.deploy.live_script import SCRIPT
from dfdetect.deploy.metadata import UncertainBand
from dfdetect.evaluation.colours import UNCERTAIN_COLOUR
from dfdetect.evaluation.page_style import STYLE

_STYLE = (
    STYLE
    + """
:root { --uncertain: #8a6000; } @media (prefers-color-scheme: dark) { :root { --uncertain: UNCERTAIN; } }
body { max-width: 84rem; padding: 1rem 1rem 2rem; }
header { display: flex; flex-wrap: wrap; gap: .3rem 1rem; align-items: baseline; margin-bottom: .8rem; }
h1 { font-size: 1.3rem; margin: 0; } header p { margin: 0; font-variant-numeric: tabular-nums; }
#live { font-weight: 650; } #live::before { content: ""; display: inline-block; width: .6rem; height: .6rem;
  border-radius: 50%; background: var(--soft); margin-right: .4rem; }
#live.on::before { background: var(--info); }
main { display: grid; grid-template-columns: minmax(0, 1fr) 21rem; gap: 1.2rem; align-items: start; }
#stage { background: var(--panel); border-radius: .6rem; overflow: hidden; min-height: 12rem; display: grid; }
#picture { width: 100%; max-height: calc(100vh - 11rem); object-fit: contain; display: block; }
#picture.old { opacity: .45; } #picture[hidden] { display: none; } #wait { place-self: center; padding: 1rem; }
h2 { font-size: 1rem; margin: 0 0 .5rem; } h2:not(:first-child) { margin-top: 1.4rem; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
li { background: var(--panel); border-left: .35rem solid var(--line); border-radius: .4rem; padding: .55rem .8rem; }
li.fake { border-color: var(--fake); } li.real { border-color: var(--real); }
li.uncertain { border-color: var(--uncertain); } li p { margin: 0; font-size: .88rem; }
.top { display: flex; gap: .6rem; align-items: baseline; } .top b { font-size: 1.1rem; }
.top span:last-child { margin-left: auto; font-variant-numeric: tabular-nums; }
.fake b { color: var(--fake); } .real b { color: var(--real); } .uncertain b { color: var(--uncertain); }
.gone { background: none; box-shadow: inset 0 0 0 1px var(--line); }
.meter { position: relative; height: .55rem; margin: .4rem 0; border-radius: .3rem;
  background: var(--line); overflow: hidden; }
.meter i { position: absolute; inset: 0 auto 0 0; background: var(--soft); }
.fake .meter i { background: var(--fake); } .real .meter i { background: var(--real); }
.uncertain .meter i { background: var(--uncertain); }
.meter u { position: absolute; top: 0; bottom: 0; width: 2px; margin-left: -1px; background: var(--ink); }
.meter s { position: absolute; top: 0; bottom: 0; background: var(--ink); opacity: .18; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
footer { margin-top: 1.2rem; font-size: .88rem; } footer p { max-width: none; }
@media (max-width: 56rem) { main { grid-template-columns: 1fr; } body { padding: .7rem .7rem 2rem; }
  #picture { max-height: 65vh; } #stage { min-height: 8rem; } }
@media (forced-colors: active) { .meter { border: 1px solid; } .meter i, .meter u { forced-color-adjust: none; } }
""".replace("UNCERTAIN", UNCERTAIN_COLOUR)
)
_BODY = """<header><h1>NAME</h1><p id="live">Connecting</p><p id="rate" class="soft"></p></header>
<main>
<div id="stage"><p id="wait" class="soft">Waiting for the first picture</p>
<img id="picture" hidden alt="The camera's picture with a box around each face"></div>
<section aria-label="Faces"><h2>In view</h2><ul id="here"></ul><p id="nobody" class="soft">No face.</p>
<h2 id="before" hidden>Seen before</h2><ul id="gone"></ul></section>
</main>
<div id="news" class="hidden" role="status" aria-live="polite"></div>
<noscript><p>This page needs JavaScript to show the camera.</p></noscript>
<footer><p class="soft">MODEL. Fake from p_fake THRESHOLD (the mark on each bar)BAND. A face's p_fake is pooled over
all its frames.</p><p>A verdict is a guess with an error rate, measured on data like the model's own. Do not accuse
anybody by it.</p></footer>"""


@dataclass(frozen=True)
class LivePage:
    """A page as it is sent.

    Attributes:
        html: UTF-8.
        policy: its Content-Security-Policy: nothing runs or is fetched but what the page itself holds.
    """

    html: bytes
    policy: str


def live_page(name: str, model: str, threshold: float, band: UncertainBand | None) -> LivePage:
    """The page of a camera.

    Args:
        name: of the camera.
        model: the detector, in a line.
        threshold: p_fake from which a face is called fake.
        band: p_fake between which it is uncertain, where the model has one.
    """
    said = f"; uncertain from {band.low:.3f} to {band.high:.3f} (shaded)" if band else ""
    known = {"threshold": threshold, "band": [band.low, band.high] if band else None}
    script = SCRIPT.replace("KNOWN", json.dumps(known))
    body = _BODY
    for word, text in (("THRESHOLD", f"{threshold:.3f}"), ("BAND", said), ("MODEL", model), ("NAME", name)):
        body = body.replace(word, escape(text))  # the camera's name, which may hold any word, comes last
    html = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(name)} - dfdetect</title>\n<style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n<script>{script}</script>\n</body></html>\n"
    )
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(_STYLE)}; img-src blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return LivePage(html.encode("utf-8", "backslashreplace"), policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
