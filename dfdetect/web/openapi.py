"""The API described for programs: OpenAPI 3.1."""

from typing import Any

from dfdetect import __version__
from dfdetect.deploy.careful import MILD
from dfdetect.web.refusals import STATUS
from dfdetect.web.service import Service

_ERROR = {"$ref": "#/components/schemas/Error"}
MEANINGS = {
    "bad_request": "the body or a header cannot be understood",
    "unauthorized": "no token, or another one",
    "forbidden": "sent by another site's page",
    "not_found": "no such address",
    "method_not_allowed": "the address takes another method",
    "too_slow": "the body came too slowly",
    "too_large": "the body has too many bytes",
    "too_many_files": "too many files in one request",
    "too_many_pixels": "a picture is too large; it was not decoded",
    "unsupported_media_type": "the body is neither a form nor JSON",
    "misdirected": "asked under a name that is not this server's",
    "unreadable": "a file is no photo and no clip, or damaged",
    "unknown_model": "no model of that name",
    "queue_full": "too many files wait; Retry-After says when to try again",
    "headers_too_large": "too many or too long headers, or too long an address",
    "internal": "an error of the server; its log says more",
    "unavailable": "the server stops, or lacks memory",
    "timed_out": "not finished within the time limit",
}
"""Of each error type."""


def specification(service: Service) -> dict[str, Any]:
    """The OpenAPI document of a server with these models and limits."""
    limits = service.limits
    bounds = (
        f"At most {limits.upload_bytes:,} bytes and {limits.files} files in a request, {limits.pixels:,} pixels in a "
        f"picture, {limits.queue} files waiting, {limits.seconds:g} s for an answer."
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "dfdetect", "version": __version__, "description": f"{_LIMIT_OF_USE} {bounds}"},
        "paths": {
            "/api/v1/detect": {"post": _detect()},
            "/api/v1/models": {"get": _get("The models, with threshold, training data and test figures.", "Models")},
            "/healthz": {"get": {**_get("Whether the server works. Needs no token.", "Health"), "security": []}},
            "/metrics": {"get": _get_text("Counters in the text format of Prometheus.")},
        },
        "components": {
            "schemas": _schemas(list(service.models)),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "any user, the token as password"},
            },
        },
        "security": [{}, {"bearer": []}, {"basic": []}],
    }


_LIMIT_OF_USE = (
    "Tells real face photos from fake ones. A verdict is a guess with an error rate, measured on data like the "
    "model's own. Do not accuse anybody by it."
)


def _detect() -> dict[str, Any]:
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "photos, clips"},
            "models": {"type": "string", "description": "names, with commas between; the first model if left out"},
            "careful": {"type": "boolean", "description": "uncertain where mild re-encoding changes the answer"},
            "heatmaps": {"type": "boolean", "description": "where a model looked, with each face"},
        },
    }
    image = {
        "type": "object",
        "required": ["data"],
        "properties": {"name": {"type": "string"}, "data": {"type": "string", "contentEncoding": "base64"}},
    }
    names = {"type": "array", "items": {"type": "string"}}
    properties: dict[str, Any] = {"images": {"type": "array", "items": image}, "models": names}
    properties |= {"careful": {"type": "boolean"}, "heatmaps": {"type": "boolean"}}
    content = {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": {"type": "object", "required": ["images"], "properties": properties}},
    }
    refused = sorted({status for kind, status in STATUS.items() if kind != "not_found"})
    answers: dict[str, Any] = {str(status): _answer(_named(status), _ERROR) for status in refused}
    results = {"$ref": "#/components/schemas/Results"}
    return {
        "operationId": "detect",
        "summary": "Judge photos and clips. If some of several files fail, the answer is 200 and says which.",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _answer("A result for each file, in their order.", results), **answers},
    }


def _schemas(models: list[str]) -> dict[str, Any]:
    score = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    verdict = {"type": "string", "enum": ["real", "fake", "uncertain"]}
    box = {"type": ["array", "null"], "items": {"type": "integer"}, "description": "left, top, width, height"}
    face = {
        "box": box,
        "p_fake": {**score, "description": "null where it was not judged"},
        "verdict": verdict,
        "reason": {"type": "string", "description": "why it is uncertain or was not judged; may be empty"},
        "frames": {"type": "integer", "description": "of a clip, in which the face was judged"},
        "span": {"type": "array", "description": "seconds of a clip in which the face was first and last found"},
        "versions": {"type": "object", "description": f"p_fake under {', '.join(MILD)}"},
        "heatmap": {"type": "array", "description": "rows of cells, in logits of p_fake; positive speaks for fake"},
        "square": {"type": ["array", "null"], "description": "left, top and side of what was judged"},
        "cells_at": {
            "type": "object",
            "description": "the first cell's centre and the step to the next, both ways, as shares of the square's "
            "side; mirrored: across, cells lie in the middles",
        },
    }
    judgement = {
        "model": {"type": "string", "enum": models},
        "kind": {"type": "string", "enum": ["photo", "video"]},
        "verdict": verdict,
        "p_fake": {**score, "description": "of the most fake face; null where nothing could be judged"},
        "threshold": {"type": "number", "description": "p_fake from which it is called fake"},
        "reason": {"type": "string", "description": "why it is uncertain, or what else there is to say; may be empty"},
        "size": {"type": "array", "items": {"type": "integer"}, "description": "width and height in pixels"},
        "faces": {
            "type": "array",
            "items": {"type": "object", "properties": face},
            "description": "of a photo, or people of a clip; the most fake first",
        },
        "seconds": {"type": "number", "description": "that the file took, without waiting"},
        "timeline": {"type": "array", "description": "of a clip: seconds and p_fake"},
    }
    error = {"type": "object", "properties": {"type": {"enum": list(STATUS)}, "message": {"type": "string"}}}
    result = {
        "name": {"type": "string"},
        "judgements": {"type": "array", "items": {"type": "object", "properties": judgement}},
        "error": error,
    }
    results = {"type": "array", "items": {"type": "object", "properties": result}}
    listed = {"type": "array", "items": {"type": "object", "properties": {"name": {"enum": models}}}}
    return {
        "Results": {"type": "object", "properties": {"results": results}},
        "Error": {"type": "object", "required": ["error"], "properties": {"error": error, "results": results}},
        "Models": {"type": "object", "properties": {"models": listed}},
        "Health": {"type": "object", "properties": {"status": {"const": "ok"}}},
    }


def _get(summary: str, schema: str) -> dict[str, Any]:
    good = _answer(summary, {"$ref": f"#/components/schemas/{schema}"})
    return {"summary": summary, "responses": {"200": good, "default": _answer("Refused.", _ERROR)}}


def _get_text(summary: str) -> dict[str, Any]:
    text = {"description": summary, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"summary": summary, "responses": {"200": text, "default": _answer("Refused.", _ERROR)}}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _named(status: int) -> str:
    return "; ".join(f"`{kind}`: {MEANINGS[kind]}" for kind, known in STATUS.items() if known == status)
