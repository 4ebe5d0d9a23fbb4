"""The box for uploads: choose, drop, paste, a camera, or a drawn face."""

from collections.abc import Sequence

from dfdetect.web.samples import Sample
from dfdetect.web.service import Service
from dfdetect.web.words import escaped

_GRACE_S = 15
"""Seconds that a browser waits beyond the server's own time limit."""
_ICON = (
    '<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">'
    '<path d="M16 21V6m-6 6 6-6 6 6M5 20v4a3 3 0 0 0 3 3h16a3 3 0 0 0 3-3v-4"/></svg>'
)


def drop_box(service: Service, samples: Sequence[Sample]) -> str:
    """The head of the page as HTML."""
    limits = service.limits
    wait = limits.seconds + limits.patience_s + limits.upload_bytes / limits.slowest_bytes_s + _GRACE_S
    megabytes = f"{limits.upload_bytes / 1e6:g} MB"
    names = escaped(", ".join(service.models))
    models = f"the model {names}" if len(service.models) == 1 else f"{len(service.models)} models ({names})"
    html = f"""<div class="df-intro"><header class="df-top"><h1>Is this face photo fake?</h1>
<p>A photo or a clip, judged face by face by {models}, on the machine that serves this page. Nothing is kept, and
nothing is passed on.</p></header>
<div class="df-drop" data-most="{limits.upload_bytes}" data-patience="{wait:.0f}">
<label class="df-zone">{_ICON}<b>Choose a photo or a clip</b><span class="df-soft">or drop it here, or paste it</span>
<input class="df-file" type="file" accept="image/*,video/*" aria-describedby="df-limits"></label>
<button type="button" class="df-camera" hidden>Use the camera</button>
<p class="df-soft" id="df-limits">Up to {megabytes} and {limits.pixels / 1e6:g} megapixels.</p>
<div class="df-wait" aria-hidden="true"><i></i></div><p class="df-status"></p>
<div class="df-live" role="status" aria-live="polite" aria-atomic="true"></div>
</div>
<dialog aria-label="Camera"><video autoplay playsinline muted aria-label="The camera's picture"></video>
<div class="df-buttons"><button type="button" class="df-take df-main">Take a photo</button>
<button type="button" class="df-record">Record 5 seconds</button><button type="button" class="df-cancel">Cancel</button>
</div></dialog>
<section class="df-samples" aria-labelledby="df-samples-title"><h2 id="df-samples-title">Or try a face that this program
drew</h2><p class="df-soft">They show how the page works. No model that learned on photos can be judged by them.</p>
<ul>{"".join(_sample(i, one) for i, one in enumerate(samples))}</ul></section></div>"""
    return _untemplated(html)


def _sample(index: int, sample: Sample) -> str:
    return (
        f'<li><button type="button" class="df-sample" data-index="{index}"><img alt="" src="{sample.address}">'
        f"<span>{escaped(sample.title)}</span></button></li>"
    )


def _untemplated(html: str) -> str:
    """Gradio takes the text for a template; a model's name may hold what it would fill in."""
    for sign, entity in (("$", "&#36;"), ("{", "&#123;"), ("}", "&#125;"), ("`", "&#96;"), ("\\", "&#92;")):
        html = html.replace(sign, entity)
    return html
