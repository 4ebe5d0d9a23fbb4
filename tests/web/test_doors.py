import pytest

from dfdetect.errors import RequestError
from dfdetect.web.doors import route_of


def scope(path: str, method: str = "GET", raw: bytes | None = None):
    return {"path": path, "method": method, "raw_path": path.encode() if raw is None else raw}


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/", "GET"),
        ("/", "HEAD"),
        ("/config", "GET"),
        ("/theme.css", "GET"),
        ("/assets/index-1a2b.js", "GET"),
        ("/static/fonts/x.woff2", "GET"),
        ("/gradio_api/queue/data", "GET"),
        ("/gradio_api/heartbeat/abc123", "GET"),
        ("/gradio_api/queue/join", "POST"),
        ("/gradio_api/upload", "POST"),
    ],
)
def test_what_the_page_needs_is_answered_while_there_is_a_page(path, method, tmp_path):
    assert route_of(scope(path, method), tmp_path, True) == "page"
    if path != "/":
        with pytest.raises(RequestError, match="nothing here"):
            route_of(scope(path, method), tmp_path, False)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=http://169.254.169.254/latest",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://169.254.169.254/latest",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/file=",
        "/file=/etc/passwd",
        "/gradio_api/call/predict",
        "/gradio_api/run/predict",
        "/gradio_api/stream/a/b/c/playlist.m3u8",
        "/gradio_api/component_server",
        "/gradio_api/vibe-code",
        "/gradio_api/dev/reload",
        "/gradio_api/process_recording",
        "/gradio_api/mcp/sse",
        "/gradio_api/openapi.json",
        "/gradio_api/token",
        "/monitoring",
        "/login",
        "/docs",
        "/openapi.json",
        "/svelte/x.js",
        "/custom_component/x",
        "/api/v1/detect/",
        "/API/v1/detect",
        "/.env",
    ],
)
@pytest.mark.parametrize(("method", "said"), [("GET", "nothing here"), ("POST", "nothing here|takes GET")])
def test_nothing_else_is(path, method, said, tmp_path):
    with pytest.raises(RequestError, match=said):
        route_of(scope(path, method), tmp_path, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"/assets/../../etc/passwd",
        b"/assets/%2e%2e/%2e%2e/etc/passwd",
        b"/assets/%252e%252e/etc/passwd",
        b"/assets/..%2f..%2fetc%2fpasswd",
        b"/assets/..%5c..%5cwin.ini",
        b"/assets/x%00.js",
        b"/assets//etc/passwd",
        b"/assets/./x.js",
        b"/assets/%c0%ae%c0%ae/x",
        b"/assets/\xe4.js",
    ],
)
def test_a_path_that_goes_up_or_hides_what_it_names_is_not_found(raw, tmp_path):
    from urllib.parse import unquote

    with pytest.raises(RequestError, match="nothing here"):
        route_of(scope(unquote(raw.decode("latin-1")), "GET", raw), tmp_path, True)


def test_the_file_route_names_only_what_lies_in_the_private_folder(tmp_path):
    folder, outside = tmp_path / "private", tmp_path / "outside.txt"
    (folder / "page").mkdir(parents=True)
    inside = folder / "page" / "photo.jpg"
    inside.write_bytes(b"x")
    outside.write_bytes(b"x")
    (folder / "link.jpg").symlink_to(outside)
    assert route_of(scope(f"/gradio_api/file={inside}"), folder, True) == "page"
    for name in (outside, folder / "link.jpg", folder / "page", folder / "none.jpg", "photo.jpg", "\0", "x" * 5000):
        with pytest.raises(RequestError, match="nothing here"):
            route_of(scope(f"/gradio_api/file={name}"), folder, True)


def test_a_wrong_method_names_the_right_one(tmp_path):
    with pytest.raises(RequestError, match="takes POST"):
        route_of(scope("/gradio_api/upload", "DELETE"), tmp_path, True)
    with pytest.raises(RequestError, match="takes GET"):
        route_of(scope("/healthz", "POST"), tmp_path, True)
