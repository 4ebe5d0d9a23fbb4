"""The HTTP API: detect, the models, health, metrics, and what describes it all."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from dfdetect.deploy.careful import MILD
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import FaceVerdict, Row, rounded
from dfdetect.errors import RequestError
from dfdetect.explain.maps import evidence
from dfdetect.web.api_page import api_page
from dfdetect.web.asgi import (
    Application,
    ClientGone,
    Receive,
    Scope,
    Send,
    header,
    json_bytes,
    read_body,
    respond,
    until_gone,
)
from dfdetect.web.bodies import Asked, read_asked
from dfdetect.web.jobs import Job
from dfdetect.web.metrics import CONTENT_TYPE
from dfdetect.web.openapi import specification
from dfdetect.web.refusals import as_json, status_of
from dfdetect.web.service import Answer, Model, Service, safe_name

_JSON = "application/json"
_PARSED_AT_ONCE = 100_000
"""Bytes of a body; larger ones are read in a thread, so that nobody else waits."""


class Api:
    """Answers the addresses of `dfdetect.web.doors.API`; everything else is for `page`.

    Args:
        service: that judges.
        page: what answers all else.
    """

    def __init__(self, service: Service, page: Application) -> None:
        self._service, self._page = service, page
        described = specification(service)
        self._described = json_bytes(described), api_page(described).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises `RequestError` and `ClientGone`."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path == "/api/v1/detect":
            await self._detect(scope, receive, send)
        elif path == "/api/v1/models":
            models = [about(model) for model in self._service.models.values()]
            await respond(send, 200, _JSON, json_bytes({"models": models}))
        elif path == "/healthz":
            await self._health(send)
        elif path == "/metrics":
            text = self._service.metrics.text(self._service.gauges())
            await respond(send, 200, CONTENT_TYPE, text.encode())
        elif path == "/api/openapi.json":
            await respond(send, 200, _JSON, self._described[0])
        elif path == "/api":
            await respond(send, 200, "text/html; charset=utf-8", self._described[1])
        else:
            await self._page(scope, receive, send)

    async def _health(self, send: Send) -> None:
        if self._service.pool.stuck:
            raise RequestError("unavailable", "too many files never came back from a library: restart the server")
        await respond(send, 200, _JSON, json_bytes({"status": "ok"}))

    async def _detect(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        arguments = header(scope, b"content-type"), body, self._service.limits
        if len(body) <= _PARSED_AT_ONCE:
            asked = read_asked(*arguments)
        else:
            asked = await asyncio.to_thread(read_asked, *arguments)
        jobs = self._service.submit(asked.uploads, asked.models, asked.careful)
        outcomes = await _wait(jobs, receive)
        failed = [outcome for outcome in outcomes if isinstance(outcome, RequestError)]
        content: dict[str, Any] = {
            "results": [self._result(outcome, asked, number) for number, outcome in enumerate(outcomes)]
        }
        status = 200
        if len(failed) == len(outcomes):
            status, content = status_of(failed[0]), {"error": as_json(failed[0]), **content}
        await respond(send, status, _JSON, json_bytes(content))

    def _result(self, outcome: Answer | RequestError, asked: Asked, number: int) -> dict[str, Any]:
        if isinstance(outcome, RequestError):
            return {"name": safe_name(asked.uploads[number].name), "error": as_json(outcome)}
        facts = {name: self._service.models[name].settings.detector.facts for name in outcome.rows}
        rows = outcome.rows.items()
        judgements = [{"model": name, **_judgement(row, asked, facts[name])} for name, row in rows]
        return {"name": outcome.name, "judgements": judgements}


def about(model: Model) -> dict[str, Any]:
    """What a model says of itself, for a program."""
    facts = model.settings.detector.facts
    band = facts.uncertain
    return {
        "name": model.name,
        "backbone": facts.backbone,
        "frontend": facts.frontend,
        "format": facts.format,
        "precision": facts.precision,
        "input_size": facts.input_size,
        "threshold": rounded(facts.threshold),
        "calibrated": facts.calibrated,
        "uncertain": None if band is None else asdict(band),
        "trained_on": facts.data_title,
        "tested": facts.test_summary,
        "licence": facts.licence,
    }


async def _wait(jobs: Sequence[Job[Answer]], receive: Receive) -> list[Answer | RequestError]:
    """What the jobs come to; when the client goes, they are given up."""
    futures = [asyncio.wrap_future(job.future) for job in jobs]
    results = asyncio.gather(*futures, return_exceptions=True)
    gone = asyncio.ensure_future(until_gone(receive))
    both: list[asyncio.Future[Any]] = [results, gone]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not results.done():
            raise ClientGone
        return [_expected(outcome) for outcome in results.result()]
    finally:
        for job in jobs:
            job.abandon()
        for task in both:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _expected(outcome: Answer | BaseException) -> Answer | RequestError:
    if isinstance(outcome, Answer | RequestError):
        return outcome
    if isinstance(outcome, asyncio.CancelledError):
        return RequestError("unavailable", "the server is stopping")
    raise outcome


def _judgement(row: Row, asked: Asked, facts: ModelFacts) -> dict[str, Any]:
    values = {key: value for key, value in row.as_json().items() if key != "path"}
    faces = [face.as_json() | _more(face, asked, facts) for face in row.faces]
    return values | {"faces": faces}


def _more(face: FaceVerdict, asked: Asked, facts: ModelFacts) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if face.versions:
        more["versions"] = dict(zip(MILD, map(rounded, face.versions), strict=True))
    if asked.heatmaps and face.heatmap is not None:
        lines = evidence(face.heatmap, facts.temperature)
        more["heatmap"] = [[round(float(value), 4) for value in line] for line in lines]
        more |= {"square": face.square, "cells_at": facts.grid(len(lines)).as_json()}
    return more
