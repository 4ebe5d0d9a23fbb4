"""The page of examples/browser in a real browser, against Python on the same files."""

import base64
import http.client
import importlib.util
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dfdetect.data.resize import resize
from dfdetect.data.synthetic import KINDS, draw_face
from dfdetect.deploy.metadata import ModelFacts, UncertainBand

FOLDER = Path(__file__).parents[2] / "examples" / "browser"
SIZE = 224
FACTS = ModelFacts("tiny", 0.5, 1.0, True, SIZE, "onnx", "fp32", "NCHW", "resize", "area-down, linear-up", "0.1.0")


@pytest.fixture(scope="session")
def check() -> Any:
    """The module examples/browser/check.py, where all that it needs is there."""
    spec = importlib.util.spec_from_file_location("browser_check", FOLDER / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not (FOLDER / "node_modules").is_dir() and (npm := shutil.which("npm")):
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300)
        if installed.returncode:
            pytest.skip(f"npm ci failed: {installed.stderr.strip()[-300:]}")
    if reason := module.missing():
        pytest.skip(reason)
    return module


@pytest.fixture(scope="session")
def network() -> Any:
    """A small network with an input of 224 pixels, as ONNX, whose scores of generated faces lie far apart."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from dfdetect.deploy.export.network import ExportNetwork
    from dfdetect.deploy.export.to_onnx import onnx_model
    from tests.fits import tiny_detector

    torch.manual_seed(0)
    exported = ExportNetwork(tiny_detector()).eval()
    pixels = np.stack([draw_face(9, index, KINDS[index % 3], SIZE).image for index in range(9)])
    with torch.inference_mode():
        p_fake, _ = exported(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))
    margins = torch.logit(p_fake.double())
    exported.margin_bias -= margins.mean().float()
    exported.temperature.fill_(float(margins.std()))
    return onnx_model(exported, SIZE)


@pytest.fixture(scope="session")
def write(network, tmp_path_factory):
    """Writes model.onnx with some facts changed."""
    import onnx

    from dfdetect.deploy.export.to_onnx import write_onnx

    def write_with(**facts: Any) -> Path:
        copy = onnx.ModelProto()
        copy.CopyFrom(network)
        file = tmp_path_factory.mktemp("model") / "model.onnx"
        write_onnx(copy, replace(FACTS, **facts), file)
        return Path(file)

    return write_with


def faces(folder: Path, size: int, ending: str, count: int = 6) -> list[Path]:
    """Generated faces of about a size, not square but for the network's own."""
    folder.mkdir(exist_ok=True)
    files = []
    for index in range(count):
        kind = ("real", *KINDS)[index % 4]
        image = Image.fromarray(draw_face(5, index, kind, size).image)
        if size != SIZE:
            image = image.crop((0, 0, size - 3 * index, size))
        files.append(folder / f"{size}-{index}.{ending}")
        image.save(files[-1], quality=85)
    return files


@pytest.mark.slow
def test_pictures_of_the_networks_size_get_the_same_score(check, write, tmp_path):
    found = check.compare(write(), faces(tmp_path / "photos", SIZE, "png"))
    assert found["n"] == 6
    assert found["max_difference"] < 1e-4  # 1e-3 is promised
    assert found["changed_verdicts"] == 0
    scores = [photo["python"] for photo in found["photos"]]
    assert max(scores) - min(scores) > 0.2, "the scores do not tell pictures apart, so they test nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "ending", "facts", "tolerance"),
    [
        (640, "jpg", {}, 5e-3),
        (448, "png", {}, 1e-3),
        (150, "png", {}, 1e-3),
        (500, "jpg", {"crop": "center"}, 5e-3),
        (500, "png", {"crop": "native"}, 1e-5),
        (150, "png", {"crop": "native"}, 2e-3),
        (500, "jpg", {"normalise_encoding": 60}, 2e-2),
    ],
)
def test_resized_pictures_come_near(check, write, tmp_path, size, ending, facts, tolerance):
    found = check.compare(write(**facts), faces(tmp_path / "photos", size, ending))
    assert found["max_difference"] < tolerance


@pytest.mark.slow
def test_pictures_of_every_kind_come_near(check, write, tmp_path):
    face = Image.fromarray(draw_face(5, 1, "upsampled", 300).image)
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = face.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(face.size))
    pictures: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "turned.jpg": (face.crop((0, 0, 200, 300)), {"exif": exif, "quality": 95}),
        "clear.png": (clear, {}),
        "palette.png": (face.quantize(64), {}),
        "grey.png": (face.convert("L"), {}),
        "web.webp": (face, {"quality": 90}),
        "large.png": (face.resize((2500, 1900)), {}),
    }
    for name, (picture, settings) in pictures.items():
        picture.save(tmp_path / name, **settings)
    (tmp_path / "empty.jpg").touch()
    found = check.compare(write(), [tmp_path / "empty.jpg", *(tmp_path / name for name in pictures)])
    assert found["unreadable"] == [{"path": str(tmp_path / "empty.jpg"), "error": "empty file"}]
    apart = {Path(one["path"]).name: abs(one["python"] - one["browser"]) for one in found["photos"]}
    assert max(apart.values()) < 5e-3, apart


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(600, 637), (448, 448), (672, 672), (225, 900), (171, 150), (100, 600), (7, 5)])
def test_its_resize_is_ours(check, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    Path("pixels").write_bytes(image.tobytes())
    script = f"""
        import {{ resize }} from {json.dumps((FOLDER / "pixels.js").as_uri())};
        import {{ readFileSync }} from "node:fs";
        const data = new Uint8ClampedArray(readFileSync("pixels"));
        const resized = resize({{ width: {shape[1]}, height: {shape[0]}, data }}, {SIZE});
        console.log(Buffer.from(resized.data).toString("base64"));
    """
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    found = np.frombuffer(base64.b64decode(done.stdout), np.uint8).reshape(SIZE, SIZE, 3)
    apart = cv2.absdiff(found, resize(image, SIZE))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.02


@pytest.mark.slow
def test_the_page_shows_verdict_threshold_and_heatmap_and_calls_nobody(check, write, tmp_path):
    (photo,) = faces(tmp_path / "photos", 300, "png", count=1)
    model = write(threshold=0.0, data_title="faces & more")
    pixels = "[...document.getElementById('canvas').getContext('2d').getImageData(0, 0, 300, 300).data]"
    with check.served(model) as url, check.Page(url) as page:
        assert page.wait("ready", "no-model") == "ready"
        assert "faces & more" in page.evaluate("document.getElementById('status').textContent")
        score = page.judge(photo)
        assert page.evaluate("document.getElementById('headline').textContent") == "Looks fake"
        assert page.evaluate("document.getElementById('score').textContent") == f"p_fake {score:.3f}, threshold 0.000"
        covered = np.array(page.evaluate(pixels))
        page.evaluate("document.getElementById('overlay').click()")
        plain = np.array(page.evaluate(pixels)).reshape(300, 300, 4)[..., :3]
        np.testing.assert_array_equal(plain, np.asarray(Image.open(photo)))
        assert np.abs(covered.reshape(300, 300, 4)[..., :3] - plain).mean() > 0.5
        assert page.complaints == []
        assert {request for request in page.requests if not request.startswith((url, "blob:", "data:"))} == set()
        assert page.evaluate("crossOriginIsolated")


@pytest.mark.slow
def test_a_score_within_the_band_is_uncertain(check, write, tmp_path):
    (photo,) = faces(tmp_path / "photos", SIZE, "png", count=1)
    with check.served(write(uncertain=UncertainBand(0, 1, 0.1, 0.1, 0.5, 100))) as url, check.Page(url) as page:
        page.wait("ready")
        page.judge(photo)
        assert page.evaluate("document.getElementById('headline').textContent") == "Uncertain"


@pytest.mark.slow
def test_what_cannot_be_judged_is_said_and_the_next_photo_works(check, write, tmp_path):
    (photo,) = faces(tmp_path / "photos", SIZE, "png", count=1)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with check.served(write()) as url, check.Page(url) as page:
        page.wait("ready")
        with pytest.raises(RuntimeError, match=r"broken\.png could not be judged"):
            page.judge(broken)
        assert 0 < page.judge(photo) < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-100], "cut off|changed since|no whole file"),
        (lambda content: content.replace(b"dfdetect.threshold", b"dfdetect.threshxld"), "damaged|changed since"),
        (lambda content: content.replace(b"dfdetect.", b"somebody."), "not written by dfdetect export"),
        (lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:], "changed since|cut off"),
        (lambda content: b"", "not written by dfdetect export"),
        (lambda content: b"\xff" * 50, "no ONNX file"),
        (None, "There is no model.onnx"),
    ],
)
def test_a_foreign_or_damaged_model_is_refused_and_another_can_be_chosen(check, write, tmp_path, damage, reason):
    good, bad = write(), tmp_path / "bad.onnx"
    if damage is not None:
        bad.write_bytes(damage(good.read_bytes()))
    with check.served(bad) as url, check.Page(url) as page:
        assert page.wait("ready", "no-model") == "no-model"
        assert re.search(reason, page.evaluate("document.getElementById('status').textContent"))
        assert page.evaluate("document.getElementById('photo').disabled")
        page.choose("#model-file", good)
        page.wait("ready")


@pytest.mark.slow
def test_the_server_gives_the_page_and_nothing_else(check, write, tmp_path):
    def ask(path: str, method: str = "GET") -> tuple[int, Any]:
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status, response.headers

    with check.served(write()) as url:
        host = url.removeprefix("http://").rstrip("/")
        status, headers = ask("/")
        assert status == 200
        assert headers["Content-Type"].startswith("text/html")
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert ask("/model.onnx")[0] == 200
        wasm = "/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
        assert ask(wasm)[1]["Content-Type"] == "application/wasm"
        for path in ("/missing.js", "/check.py", "/../../pyproject.toml", "/%2e%2e/%2e%2e/README.md", "/%zz"):
            assert ask(path)[0] == 404, path
        assert ask("/", "POST")[0] == 404


def test_the_page_names_no_other_host_and_allows_none():
    html = (FOLDER / "index.html").read_text()
    policy = re.search(r'content="(default-src [^"]*)"', html)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert {source for rule in rules.values() for source in rule.split()} <= {
        *("'none'", "'self'", "'wasm-unsafe-eval'", "blob:"),
    }
    for file in (file for file in sorted(FOLDER.glob("*.*")) if file.suffix in (".html", ".js", ".css")):
        text = re.sub(r"^\s*//.*", "", file.read_text(), flags=re.MULTILINE)
        assert not re.search(r"(https?:)?//\w", text), file.name


def test_the_packages_are_pinned():
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    version = locked["node_modules/onnxruntime-web"]["version"]
    assert re.fullmatch(r"~\d+\.\d+\.\d+", wanted)
    assert version.rpartition(".")[0] == wanted[1:].rpartition(".")[0]
    assert all(one.get("integrity", "").startswith("sha512-") for name, one in locked.items() if name)
    sources = {one["resolved"].split("/")[2] for one in locked.values() if "resolved" in one}
    assert sources <= {"registry.npmjs.org"}, "npm ci would ask the registry of whoever wrote the lock file"
