"""The API's description as a page for people, which fetches nothing: no script, no font, no picture."""

from collections.abc import Mapping
from html import escape
from typing import Any

from dfdetect.evaluation.page import page, table
from dfdetect.web.openapi import MEANINGS
from dfdetect.web.refusals import STATUS

_STYLE = """<style>
pre { overflow-x: auto; padding: .7rem .9rem; border: 1px solid var(--line); border-radius: .4rem; font-size: .9rem; }
td:first-child { white-space: nowrap; } .addresses td:first-child { font-family: ui-monospace, monospace; }
</style>"""
_EXAMPLES = """curl -F file=@photo.jpg -F careful=true ADDRESS/api/v1/detect

echo '{"images": [{"name": "photo.jpg", "data": "'$(base64 < photo.jpg | tr -d '\\n')'"}]}' > request.json
curl -H 'Content-Type: application/json' -d @request.json ADDRESS/api/v1/detect"""
_ERROR = '{"error": {"type": "queue_full", "message": "32 files wait already; try again in a moment"}}'


def api_page(described: Mapping[str, Any]) -> str:
    """An OpenAPI document of `dfdetect.web.openapi` as HTML."""
    schemas = described["components"]["schemas"]
    judgement = schemas["Results"]["properties"]["results"]["items"]["properties"]["judgements"]["items"]["properties"]
    form = described["paths"]["/api/v1/detect"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    addresses = [
        (f"{method.upper()} {path}", operation["summary"])
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    parts = [
        _STYLE,
        "<h1>dfdetect API</h1>",
        f"<p>{escape(described['info']['description'])}</p>",
        '<p>For programs: <a href="/api/openapi.json">openapi.json</a>. With a token, each request but '
        "<code>/healthz</code> carries <code>Authorization: Bearer TOKEN</code>.</p>",
        f'<div class="addresses">{table(("address", "what"), addresses)}</div>',
        "<h2>What detect takes</h2>",
        table(("field of a form", "meaning"), _meanings(form["properties"])),
        f"<pre>{escape(_EXAMPLES)}</pre>",
        "<h2>What detect answers</h2>",
        "<p>JSON: <code>results</code> holds a <code>name</code> and <code>judgements</code> (one a model) for each "
        "file, or its <code>error</code>.</p>",
        table(("of a judgement", "meaning"), _meanings(judgement)),
        table(("of a face", "meaning"), _meanings(judgement["faces"]["items"]["properties"])),
        "<h2>Errors</h2>",
        f"<pre>{escape(_ERROR)}</pre>",
        table(("type", "status", "meaning"), [(kind, str(status), MEANINGS[kind]) for kind, status in STATUS.items()]),
    ]
    return page("dfdetect API", "\n".join(parts))


def _meanings(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, one.get("description") or ", ".join(one.get("enum", []))) for name, one in properties.items()]
