import base64
import io
import json
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from dfdetect.deploy.film import annotated_copy
from dfdetect.web.refusals import STATUS
from tests.web.standing import LIMITS, form, serving


def test_a_form_with_one_file_is_judged_by_the_first_model(client, fake_png):
    reply = client.form(("file", fake_png, "photo.png"))
    assert reply.status == 200
    [result] = reply.json["results"]
    [judged] = result["judgements"]
    assert (result["name"], judged["model"], judged["verdict"]) == ("photo.png", "red", "fake")
    assert judged["p_fake"] == pytest.approx(242 / 255, abs=1e-5)
    assert judged["size"] == [48, 48]
    assert "heatmap" not in judged["faces"][0]


def test_json_says_the_same_as_a_form(client, real_png, fake_png):
    images = [
        {"name": name, "data": base64.b64encode(one).decode()} for name, one in (("a", real_png), ("b", fake_png))
    ]
    by_json = client.detect({"images": images, "models": ["strict", "red"], "heatmaps": True, "careful": True}).json
    fields = [("models", b"strict,red", None), ("heatmaps", b"true", None), ("careful", b"true", None)]
    by_form = client.form(("file", real_png, "a"), ("file", fake_png, "b"), *fields).json
    for answer in (by_json, by_form):
        for result in answer["results"]:
            for judged in result["judgements"]:
                judged.pop("seconds")
    assert by_json == by_form
    assert [one["verdict"] for result in by_json["results"] for one in result["judgements"]] == ["real"] * 2 + [
        "fake"
    ] * 2
    [face] = by_json["results"][1]["judgements"][0]["faces"]
    assert len(face["heatmap"]) == 4
    assert face["cells_at"] == {"first": 0.125, "step": 0.25, "mirrored": False}
    assert set(face["versions"]) == {"JPEG 90", "JPEG 75", "JPEG 50", "3/4 size", "3/4 size, JPEG 75"}


def test_of_several_files_a_bad_one_spoils_nothing(client, fake_png):
    reply = client.form(("file", fake_png, "good.png"), ("file", b"plain words", "bad.txt"), ("file", b"", "empty"))
    assert reply.status == 200
    good, bad, empty = reply.json["results"]
    assert good["judgements"][0]["verdict"] == "fake"
    assert bad["error"] == {
        "type": "unreadable",
        "message": "bad.txt: not an image of a known kind, or damaged at its start",
    }
    assert empty["error"]["message"] == "empty: empty file"


@pytest.mark.parametrize("content", [b"plain words", b"", b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"\xff\xd8\xff\xe0"])
def test_a_file_that_is_no_picture_is_named_and_not_answered_with_200(client, content):
    reply = client.form(("file", content, "x.jpg"))
    assert (reply.status, reply.kind) == (422, "unreadable")
    assert reply.json["results"][0]["error"] == reply.json["error"]


def test_a_clip_is_judged_as_one_and_leaves_no_file(client, tmp_path):
    with annotated_copy(tmp_path / "clip.mp4", (64, 64), 10.0) as write:
        for _ in range(10):
            write(np.full((64, 64, 3), (250, 90, 90), np.uint8))
    reply = client.form(("file", (tmp_path / "clip.mp4").read_bytes(), "clip.mp4"))
    [judged] = reply.json["results"][0]["judgements"]
    assert (judged["kind"], judged["verdict"]) == ("video", "fake")
    assert judged["timeline"]
    assert list(client.service.folder.iterdir()) == []


def test_a_clip_of_too_many_pixels_is_refused(tmp_path):
    with annotated_copy(tmp_path / "clip.mp4", (320, 320), 10.0) as write:
        write(np.full((320, 320, 3), 90, np.uint8))
    (tmp_path / "private").mkdir()
    with serving(tmp_path / "private", replace(LIMITS, pixels=100_000)) as client:
        reply = client.form(("file", (tmp_path / "clip.mp4").read_bytes(), "clip.mp4"))
        assert (reply.status, reply.kind) == (413, "too_many_pixels")
        assert list(client.service.folder.iterdir()) == []


def test_a_damaged_clip_names_nothing_of_the_server(client):
    reply = client.form(("file", b"\0\0\0\x18ftypmp42" + bytes(200), "../../clip.mp4"))
    assert reply.status == 422
    assert reply.json["results"][0]["name"] == "clip.mp4"
    assert str(client.service.folder) not in reply.body.decode()
    assert list(client.service.folder.iterdir()) == []


def test_a_bomb_is_refused_before_its_pixels_are_decoded(client):
    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")  # 400 million pixels in 49 KB
    start = time.monotonic()
    reply = client.form(("file", stream.getvalue(), "bomb.png"))
    assert (reply.status, reply.kind) == (413, "too_many_pixels")
    assert time.monotonic() - start < 1


def test_a_jpeg_of_a_thousand_scans_is_refused(client):
    content = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    reply = client.form(("file", content[:-2] + b"\xff\xda\0\0" * 1000 + content[-2:], "scans.jpg"))
    assert (reply.status, reply.kind) == (422, "unreadable")
    assert "scans" in reply.json["error"]["message"]


def test_unknown_models_and_too_many_files_are_refused(client, fake_png):
    assert client.form(("file", fake_png, "a"), ("models", b"none", None)).kind == "unknown_model"
    too_many = client.form(*[("file", fake_png, str(number)) for number in range(LIMITS.files + 1)])
    assert (too_many.status, too_many.kind) == (413, "too_many_files")


def test_a_full_queue_answers_429_and_recovers(tmp_path, fake_png):
    gate = threading.Event()

    def hold(scores):
        gate.wait(10)
        return scores

    limits = LIMITS.__class__(upload_bytes=300_000, files=4, queue=2, threads=1)
    with serving(tmp_path, limits, change=hold) as client:
        replies: list[object] = []
        ask = lambda: replies.append(client.form(("file", fake_png, "a")))  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        _until(lambda: client.service.pool.running == 1 and client.service.pool.waiting == 2)
        refused = client.form(("file", fake_png, "late"))
        assert (refused.status, refused.kind, refused.headers["retry-after"]) == (429, "queue_full", "1")
        gate.set()
        for thread in threads:
            thread.join()
        assert [reply.status for reply in replies] == [200] * 3  # type: ignore[attr-defined]
        assert client.form(("file", fake_png, "again")).status == 200


def test_what_takes_too_long_is_answered_and_frees_its_place(tmp_path, fake_png):
    gate = threading.Event()

    def hang(scores):
        gate.wait(20)
        return scores

    limits = LIMITS.__class__(seconds=0.3, threads=1)
    with serving(tmp_path, limits, change=hang) as client:
        reply = client.form(("file", fake_png, "a"))
        assert (reply.status, reply.kind) == (504, "timed_out")
        other = client.form(("file", fake_png, "b"), ("models", b"strict", None))
        assert other.status == 200  # by a thread in the hanging one's place
        assert "dfdetect_hanging 1" in client.ask("GET", "/metrics").body.decode()
        gate.set()
        _until(lambda: client.service.pool.hanging == 0)


def test_a_client_that_goes_away_gives_its_place_back(tmp_path, fake_png):
    gate = threading.Event()

    def hold(scores):
        gate.wait(10)
        return scores

    with serving(tmp_path, LIMITS.__class__(queue=1, threads=1), change=hold) as client:
        kind, body = form(("file", fake_png, "a"))
        head = f"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        running, waiting = client.connect(), client.connect()
        running.sendall(request)
        _until(lambda: client.service.pool.running == 1)
        waiting.sendall(request)
        _until(lambda: client.service.pool.waiting == 1)
        waiting.close()
        _until(lambda: client.service.pool.waiting == 0)
        gate.set()
        running.close()


def test_health_models_and_description(client):
    assert client.ask("GET", "/healthz").json == {"status": "ok"}
    models = client.ask("GET", "/api/v1/models").json["models"]
    assert [(one["name"], one["threshold"]) for one in models] == [("red", 0.5), ("strict", 0.9)]
    assert {one["frontend"] for one in models} == {"rgb"}
    described = client.ask("GET", "/api/openapi.json").json
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) == {"/api/v1/detect", "/api/v1/models", "/healthz", "/metrics"}
    assert set(described["paths"]["/api/v1/detect"]["post"]["responses"]) >= {"200", "413", "422", "429", "504"}


def test_the_description_s_references_lead_somewhere(client):
    described = client.ask("GET", "/api/openapi.json").json
    references: list[str] = []

    def look(value):
        if isinstance(value, dict):
            references.extend([value["$ref"]] if "$ref" in value else [])
            for one in value.values():
                look(one)
        elif isinstance(value, list):
            for one in value:
                look(one)

    look(described["paths"])
    assert references
    for reference in references:
        place = described
        for key in reference.removeprefix("#/").split("/"):
            place = place[key]


def test_the_api_s_page_fetches_nothing_and_lists_every_error(client):
    reply = client.ask("GET", "/api")
    text = reply.body.decode()
    assert "<script" not in text
    assert "src=" not in text
    assert "https://" not in text
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    for kind in STATUS:
        assert kind in text
    assert client.ask("GET", "/").headers["location"] == "/api"


def test_every_answer_of_json_is_strict(client, fake_png):
    def refuse(constant):
        raise AssertionError(constant)

    json.loads(client.form(("file", fake_png, "a"), ("heatmaps", b"true", None)).body, parse_constant=refuse)


def test_an_error_of_ours_is_logged_and_says_nothing(tmp_path, fake_png, caplog):
    def break_down(scores):
        raise RuntimeError("secret detail")

    with serving(tmp_path, change=break_down) as client:
        reply = client.form(("file", fake_png, "a"))
    assert (reply.status, reply.kind) == (500, "internal")
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body
    assert "secret detail" in caplog.text


def test_a_connection_is_kept_for_the_next_request(client):
    from tests.web.standing import read_reply

    with client.connect() as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_reply(connection).status == 200


def _until(condition, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)
