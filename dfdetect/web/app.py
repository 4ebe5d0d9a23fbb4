"""The ASGI application: the guard, the API behind it, and the page behind that."""

import os

from dfdetect.errors import MissingExtraError
from dfdetect.web.api import Api
from dfdetect.web.asgi import Application, Receive, Scope, Send, respond
from dfdetect.web.guard import Guard
from dfdetect.web.options import WebOptions
from dfdetect.web.service import Service


def create_app(service: Service, options: WebOptions) -> Application:
    """The application that answers for a service.

    Raises:
        MissingExtraError: the page is asked for, and Gradio is not installed.
    """
    return Guard(Api(service, _page(service) if options.page else _no_page), service, options)


async def _no_page(scope: Scope, receive: Receive, send: Send) -> None:
    """In the page's place: starts and stops with the server, and points to the API."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await respond(send, 307, "text/plain", b"", {"Location": "/api"})


def _page(service: Service) -> Application:
    _prepare_gradio(service)
    try:
        import gradio as gr
        from fastapi import FastAPI
    except ImportError as error:
        raise MissingExtraError("serve", "dfdetect serve (but for --page off)", "gradio") from error
    from dfdetect.web.page import build_page, mount_settings
    from dfdetect.web.page_calls import PageCalls

    blocks = build_page(service)
    # Gradio checks that a browser names nothing but uploads only after its own launch, which a mounted page never has
    blocks.has_launched = True
    mounted = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        blocks,
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
    return PageCalls(mounted, blocks, service)


def _prepare_gradio(service: Service) -> None:
    """Settings that Gradio reads when it is imported: nothing goes out, and uploads lie in the private folder."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(service.folder / "page")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
