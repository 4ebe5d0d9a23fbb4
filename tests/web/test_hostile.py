"""A part of the hostile run in the suite; all of it: python -m tests.web.hostile."""

import asyncio
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest

from dfdetect.web import connections
from dfdetect.web.limits import Limits
from dfdetect.web.page_calls import UNHEARD_S
from tests.web.attacks import MAKERS, attacks
from tests.web.browsing import served
from tests.web.hostile import Outcome, ask, assault
from tests.web.page_attacks import PAGE_MAKERS, unheard_call
from tests.web.standing import serving


@pytest.mark.parametrize("count", [50, pytest.param(600, marks=pytest.mark.slow)])
def test_a_server_under_attack_answers_honest_clients_and_tells_nothing(tmp_path, fake_png, monkeypatch, count):
    monkeypatch.setattr(connections, "HEADER_S", 0.5)
    monkeypatch.setattr(connections, "KEEP_ALIVE_S", 1)
    limits = Limits(upload_bytes=5_000_000, seconds=10.0, threads=2, patience_s=0.5)
    with serving(tmp_path, limits) as client:
        outcome = asyncio.run(assault(client.port, attacks(count, slow=0.1), fake_png))
        after = Outcome()
        start = time.monotonic()
        asyncio.run(ask(client.port, fake_png, after))
        assert time.monotonic() - start < 2
        assert client.service.bytes_in_hand == 0
        assert client.service.pool.hanging == 0
        assert list(tmp_path.iterdir()) == []
    assert after.failed == Counter()
    assert outcome.leaks == []
    assert set(outcome.failed) <= {429}
    statuses = sum(outcome.statuses.values(), Counter())
    assert statuses.total() == count
    assert not statuses.keys() & {"500", "open"}
    assert set(outcome.statuses["slow client"]) <= {"408", "gone", "closed"}
    assert set(outcome.statuses["too large"]) <= {"413", "closed"}
    for kind in ("wrong call", "huge call", "unheard call", "stream", "page upload"):
        assert set(outcome.statuses[kind]) <= {"404", "closed"}, "there is no page"
    assert set(outcome.statuses["path trick"]) <= {"307", "400", "404", "405", "421"}


@pytest.mark.slow
def test_a_page_under_attack_answers_and_writes_nothing_into_the_log(tmp_path, fake_png):
    pytest.importorskip("gradio")
    with served(tmp_path / "private", "0.5") as there:
        port = urlsplit(there.url).port
        assert port is not None
        outcome = asyncio.run(assault(port, attacks(150, slow=0.2, makers=PAGE_MAKERS), fake_png))
        after = Outcome()
        asyncio.run(ask(port, fake_png, after))
        time.sleep(UNHEARD_S + 1)  # until answers that nobody fetched are dropped
        outcome_again = asyncio.run(assault(port, attacks(4, makers={unheard_call: 1}), fake_png))
    assert after.failed == Counter()
    assert outcome.leaks == []
    assert set(outcome.failed) <= {429}
    assert set(outcome.statuses["wrong call"]) <= {"200", "400", "429"}
    assert set(outcome.statuses["huge call"]) <= {"200", "400", "413", "429", "closed"}
    assert set(outcome.statuses["unheard call"]) <= {"200", "429"}
    assert set(outcome.statuses["stream"]) <= {"400", "404", "422"}
    assert set(outcome.statuses["unread stream"]) == {"gone"}
    assert set(outcome.statuses["page upload"]) <= {"200", "400", "413", "429", "closed"}
    assert set(outcome_again.statuses["unheard call"]) == {"200"}


def test_every_kind_is_among_the_first_attacks_and_a_seed_repeats_them():
    first = list(attacks(sum(MAKERS.values())))
    assert len({attack.kind for attack in first}) == len(MAKERS)
    assert first == list(attacks(len(first)))
    assert first != list(attacks(len(first), seed=1))
