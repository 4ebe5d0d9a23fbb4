"""The ASGI application: the API's routes, the page below them, and the guard around both."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.util import find_spec
from typing import Any

from dfdetect.errors import MissingExtraError
from dfdetect.web.options import WebOptions
from dfdetect.web.service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def create_app(service: Service, options: WebOptions) -> Application:
    """The application that answers for a service.

    Raises:
        MissingExtraError: Gradio is not installed.
    """
    _prepare_gradio(service)
    try:
        from fastapi import FastAPI
    except ImportError as error:
        raise MissingExtraError("serve", "dfdetect serve", "gradio") from error
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if options.page and find_spec("dfdetect.web.page"):
        _mount_page(app, service)
    return app


def _prepare_gradio(service: Service) -> None:
    """Settings that Gradio reads when it is imported: nothing goes out, and uploads lie in the private folder."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(service.folder / "page")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def _mount_page(app: Any, service: Service) -> None:
    import gradio as gr

    from dfdetect.web.page import build_page, mount_settings

    gr.mount_gradio_app(
        app,
        build_page(service),
        path="/",
        allowed_paths=[],
        show_error=False,
        max_file_size=service.limits.upload_bytes,
        run_history=False,
        footer_links=[],
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        **mount_settings(),  # theme, css, head: since Gradio 6 they belong to the mount
    )
