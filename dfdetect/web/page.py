"""The page of `dfdetect serve`, on Gradio: a photo or clip in, verdicts and their reasons out."""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfdetect.deploy.sources import holds_video
from dfdetect.errors import RequestError
from dfdetect.web.answers import explained
from dfdetect.web.box import drop_box
from dfdetect.web.result import problem, result
from dfdetect.web.samples import Sample, draw_samples
from dfdetect.web.service import Service, Upload

if TYPE_CHECKING:
    import gradio as gr

TITLE = "Is this face photo fake?"
_FOLDER = Path(__file__).parent
_REQUEST = re.compile(r"[0-9a-f-]{1,40}")
_log = logging.getLogger("dfdetect.web")


def build_page(service: Service) -> "gr.Blocks":
    """The page of a service; mount it with `mount_settings`.

    Everything that is seen is one box for uploads and one for the answer. Gradio carries the upload and the call; the
    file that it writes is read and removed before it is judged.
    """
    import gradio as gr

    samples = draw_samples()
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        drop = gr.HTML(
            html_template=drop_box(service, samples),
            js_on_load=(_FOLDER / "drop.js").read_text("utf-8"),
            apply_default_css=False,
            elem_id="df-box",
        )
        answer = gr.HTML("", elem_id="df-answer", apply_default_css=False, js_on_load=None)
        how: dict[str, Any] = {
            "outputs": answer,
            "show_progress": "hidden",
            "api_visibility": "private",
            "concurrency_limit": None,  # the service has a queue of its own
            "trigger_mode": "multiple",
        }
        drop.judge(_event(gr, lambda said: _of_upload(service, said)), **how)
        drop.sample(_event(gr, lambda said: _of_sample(service, samples, said)), **how)
    page: gr.Blocks = blocks.queue(default_concurrency_limit=None)
    return page


def mount_settings() -> dict[str, Any]:
    """What `gr.mount_gradio_app` is to be given besides: nothing of it is fetched from anywhere else."""
    import gradio as gr

    style = (_FOLDER / "page.css").read_text("utf-8")
    fonts = ["system-ui", "sans-serif"]
    return {
        "theme": gr.themes.Base(font=fonts, font_mono=["ui-monospace", "monospace"]),
        "head": f'<meta name="color-scheme" content="light dark"><style>{style}</style>',
    }


def _event(gr: Any, answer: Callable[[dict[str, Any]], str]) -> Callable[..., str]:
    """A function that Gradio calls with what the browser said."""

    def handle(event: Any) -> str:
        said = event._data if isinstance(event._data, dict) else {}
        return answer(said)

    handle.__annotations__["event"] = gr.EventData  # by this Gradio knows what to pass
    return handle


def _of_upload(service: Service, said: dict[str, Any]) -> str:
    content = take(service.folder, said.get("path"))
    if content is None:
        return problem("The upload is gone", "Send the file again.", _request_of(said))
    return _answer(service, Upload(str(said.get("name") or "upload"), content), _request_of(said))


def _of_sample(service: Service, samples: tuple[Sample, ...], said: dict[str, Any]) -> str:
    index = said.get("index")
    if not isinstance(index, int) or not 0 <= index < len(samples):
        return problem("No such face", "Choose one of those on the page.", _request_of(said))
    return _answer(service, Upload(samples[index].name, samples[index].content), _request_of(said))


def _answer(service: Service, upload: Upload, request: str) -> str:
    careful = not holds_video(upload.content[:400])
    try:
        answer = service.judge(upload, tuple(service.models), careful=careful, with_image=True)
        return result(answer, service.models, request)
    except RequestError as error:
        return problem(*explained(error), request)
    except Exception:  # a browser gets words, the log the cause
        _log.exception("an answer could not be shown")
        return problem("Something went wrong here", "The server's log says what. Try another file.", request)


def take(folder: Path, path: object) -> bytes | None:
    """Read an upload and remove it; None for anything that is no upload.

    Args:
        folder: the server's private one; Gradio writes uploads below `page` in it.
        path: as the browser names it, so anything at all.
    """
    uploads = (folder / "page").resolve()
    with suppress(OSError, ValueError, TypeError):
        file = Path(str(path)).resolve(strict=True)
        if file.is_relative_to(uploads) and file.is_file():
            content = file.read_bytes()
            file.unlink(missing_ok=True)
            with suppress(OSError):  # the folder is named by the content: the same photo of somebody else may lie there
                file.parent.rmdir()
            return content
    return None


def _request_of(said: dict[str, Any]) -> str:
    request = said.get("request")
    return request if isinstance(request, str) and _REQUEST.fullmatch(request) else ""
