"""What is found to be wrong with server farms, and that a sound page through one gives no finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from rules_of import rules_of
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.farm_choice import tell_choice, wanted_of
from urlrewrite.exchange.gateway import gateway_response
from urlrewrite.exchange.responses import Forward
from urlrewrite.exchange.rule_tests import evaluate, request_facts
from urlrewrite.farms.affinity import token_of
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import FarmAtWork, NoServer
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.breakage import Breakage
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.model.farms import RetryCause, ServerState
from urlrewrite.trace.reasons import Reason
from urlrewrite.trace.request_events import SERVER_FAILED

PAGE = "https://www.example.com/"
SITE = "public: https://www.example.com\nbackend: http://shop\n"
FARM = """
farms:
  shop:
    servers: [{address: app1, maxConnections: 1}, {address: app2, maxConnections: 1}]
    affinity: {cookie: sticky%s}
    health: {url: /health, retries: 1}
    enabled: %s
"""


class Shop:
    """A farm of two servers, and exchanges with it as the proxy records them."""

    def __init__(self, *, refuses: bool = False, enabled: bool = True) -> None:
        refusing = ", ifUnavailable: '503'" if refuses else ""
        self.rules = rules_of(FARM % (refusing, str(enabled).lower()), site=SITE)
        self.farm = FarmAtWork(self.rules.rules.farms["shop"], 0.0, Random(1))
        self.seen: list[RecordedExchange] = []

    def test_fails(self, server: int, reason: HealthReason, detail: str) -> None:
        self.farm.tested(self.farm.loads[server], reason, 0.0, detail)

    def ask(self, *failures: RetryCause, cookie: str = "", path: str = "", dest: str = "document") -> None:
        """A request whose first attempts fail by these causes."""
        fields = [("Sec-Fetch-Dest", dest), *([("Cookie", f"sticky={token_of(cookie)}")] if cookie else [])]
        if dest != "document":
            fields.append(("Referer", PAGE))
        request = request_facts("GET", PAGE + path, tuple(fields))
        kind = "text/html" if dest == "document" else "text/javascript"
        original = ResponseFacts(200, (("Content-Type", kind),))
        result = evaluate(self.rules, request, original, b"<p>well</p>", trace_id=f"flow-{len(self.seen)}")
        trace = result.exchange.trace
        assert isinstance(result.routing, Forward)
        attempts = Attempts(self.farm, wanted_of(result.exchange, result.routing)[0])
        status = 200
        for number, cause in enumerate((*failures, None), 1):
            found = attempts.next(0.0)
            tell_choice(trace, attempts, found)
            if isinstance(found, NoServer):
                status = 502 if found is NoServer.ALL_TRIED else 503
                break
            if cause is None:
                attempts.end(0.0, status=200)
                break
            told = {
                "cause": str(cause),
                "fault": "",
                "detail": "what the network says",
                "attempt": number,
                "milliseconds": 1200,
            }
            trace.decided(SERVER_FAILED, server=f"{found.load.name}:80", **told)  # type: ignore[arg-type]
            attempts.failed(0.0, cause)
        if status == 503:
            trace.error(Reason.NO_SERVER, iis_status="502.4", name="shop", detail="all-away")
        elif status == 502:
            trace.error(Reason.BACKEND_FAILED, iis_status="502.3", origin="http://app2", detail="refused")
        seen = RecordedExchange(
            trace.data["id"], 1.0 + len(self.seen), trace.data, request, b"", original, b"<p>well</p>",
            ResponseFacts(200, tuple(result.fields or ())), result.body,
        )  # fmt: skip
        if status != 200:
            own = gateway_response(result.exchange.site, trace, RetryCause.CONNECT if status == 502 else None)
            answer = ResponseFacts(status, tuple(own.fields))
            seen = replace(seen, original=None, original_body=None, response=answer, response_body=own.body, own=True)
        self.seen.append(seen)

    def found(self) -> list[Breakage]:
        return find_breakages(page_loads(self.seen[::-1])[0], self.rules)


def told(found: list[Breakage]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.code, str(each.severity)) for each in found]


TESTS = {
    HealthReason.TEST_STATUS: ("500", "the health test gets the status 500"),
    HealthReason.TEST_BODY: ("well", "the response to the health test does not contain 'well'"),
    HealthReason.TEST_TIMEOUT: ("2 s", "the health test gets no response within 2 s"),
    HealthReason.TEST_CONNECT: ("refused", "the health test cannot connect: refused"),
    HealthReason.TEST_TLS: ("unknown authority", "the TLS handshake of the health test fails: unknown authority"),
    HealthReason.TEST_CLOSED: ("junk", "the health test gets no whole response of HTTP: junk"),
}


@pytest.mark.parametrize("reason", TESTS)
def test_all_servers_are_down_as_their_health_tests_say(reason: HealthReason) -> None:
    shop = Shop()
    for server in (0, 1):
        shop.test_fails(server, reason, TESTS[reason][0])
    shop.ask()
    down, *tests = shop.found()
    assert told([down]) == [("farm-down", "all-away", "error")]
    assert down.title == (
        "The page / gets 503. No server of the farm shop can take the request: no server is available and healthy."
    )
    assert down.todo
    assert [line for line in down.evidence if line[0].startswith("server")] == [
        ("server app1", TESTS[reason][1]),
        ("server app2", TESTS[reason][1]),
    ]
    assert told(tests) == [("health-test", reason, "warning")] * 2
    assert tests[0].title == f"The server app1 of the farm shop gets no requests: {TESTS[reason][1]}"
    assert tests[0].todo


def all_away(shop: Shop) -> None:
    shop.farm.set_states({"app1": ServerState.OFFLINE, "app2": ServerState.OFFLINE})


def all_full(shop: Shop) -> None:
    for load in shop.farm.loads:
        load.begin()


REFUSED: dict[NoServer, tuple[dict[str, bool], Callable[[Shop], None]]] = {
    NoServer.FARM_OFFLINE: ({"enabled": False}, lambda shop: None),
    NoServer.ALL_AWAY: ({}, all_away),
    NoServer.ALL_FULL: ({}, all_full),
    NoServer.BOUND_SERVER_AWAY: ({"refuses": True}, all_away),
}


@pytest.mark.parametrize("why", [why for why in NoServer if why is not NoServer.ALL_TRIED])
def test_whoever_gets_no_server_is_told_why_and_what_to_do(why: NoServer) -> None:
    options, happens = REFUSED[why]
    shop = Shop(**options)
    happens(shop)
    shop.ask(cookie="app1")
    found = shop.found()[0]
    assert found.code == why
    assert found.todo
    assert why not in found.title


def test_servers_that_people_took_off_have_no_failing_test() -> None:
    shop = Shop()
    shop.farm.set_states({"app1": ServerState.OFFLINE, "app2": ServerState.DRAINING})
    shop.ask()
    (down,) = shop.found()
    assert told([down]) == [("farm-down", "all-away", "error")]
    assert ("server app1", "it is offline") in down.evidence
    assert ("server app2", "it is draining: it takes only clients that are bound to it") in down.evidence


def test_a_farm_that_is_down_is_found_once_for_all_that_a_page_loads() -> None:
    shop = Shop()
    shop.ask()
    shop.farm.set_states({"app1": ServerState.OFFLINE})
    shop.test_fails(1, HealthReason.TEST_STATUS, "500")
    for number in range(3):
        shop.ask(path=f"{number}.js", dest="script")
    down, test = shop.found()
    assert told([down, test]) == [("farm-down", "all-away", "error"), ("health-test", "test-status", "warning")]
    assert (down.count, len(test.flows)) == (3, 3)


SAID = {
    RetryCause.CONNECT: "no connection",
    RetryCause.TLS: "the TLS handshake failed",
    RetryCause.CLOSED: "it ended without a response",
    RetryCause.TIMEOUT: "no response in time",
}


@pytest.mark.parametrize("cause", RetryCause)
def test_every_attempt_failed(cause: RetryCause) -> None:
    shop = Shop()
    shop.ask(RetryCause.CLOSED, cause)
    (found,) = shop.found()
    assert told([found]) == [("attempts-failed", cause, "error")]
    assert found.title.startswith(
        "The page / gets 502. The farm shop gives no response, every attempt failed: app1 (it ended without a "
        f"response), app2 ({SAID[cause]})"
    )
    assert found.todo
    first = ("attempt 1", "app1: it ended without a response after 1,200 ms (what the network says)")
    assert first in found.evidence
    assert [label for label, _ in found.evidence if label.startswith("attempt")] == ["attempt 1", "attempt 2"]


def test_a_client_whose_server_was_taken_off_got_another() -> None:
    shop = Shop()
    shop.farm.set_states({"app1": ServerState.OFFLINE})
    shop.ask(cookie="app1")
    (found,) = shop.found()
    assert told([found]) == [("sticky-server-gone", "reassigned", "note")]
    assert "bound to the server app1 of the farm shop and got another" in found.title
    assert "(it is offline)" in found.title


def test_a_client_whose_server_fails_in_the_moment_got_another() -> None:
    shop = Shop()
    shop.ask(RetryCause.CONNECT, cookie="app2")
    (found,) = shop.found()
    assert told([found]) == [("sticky-server-gone", "reassigned", "note")]
    assert "app2 of the farm shop" in found.title
    assert "(no connection)" in found.title


def test_a_client_whose_server_is_sick_got_another_and_the_test_is_named() -> None:
    shop = Shop()
    shop.test_fails(0, HealthReason.TEST_CONNECT, "refused")
    shop.ask(cookie="app1")
    assert {*told(shop.found())} == {
        ("sticky-server-gone", "reassigned", "note"),
        ("health-test", "test-connect", "note"),
    }


def test_a_client_whose_server_is_gone_gets_no_other_where_the_farm_says_so() -> None:
    shop = Shop(refuses=True)
    shop.farm.set_states({"app1": ServerState.STOPPING})
    shop.ask(cookie="app1")
    (found,) = shop.found()
    assert told([found]) == [("sticky-server-gone", "bound-server-away", "error")]
    assert found.title == (
        "The page / gets 503. The client is bound to the server app1 of the farm shop, which cannot take requests (it "
        "was stopped), and gets no other one."
    )


SOUND: list[dict[str, Any]] = [
    {},
    {"cookie": "app2"},
    {"cookie": "nobody knows"},
]


@pytest.mark.parametrize("asked", SOUND)
def test_a_sound_page_gives_no_finding(asked: dict[str, Any]) -> None:
    shop = Shop()
    shop.ask(**asked)
    shop.ask(path="a.js", dest="script", **asked)
    assert shop.found() == []


def test_nobody_is_blamed_for_an_attempt_that_another_server_made_good() -> None:
    shop = Shop()
    shop.test_fails(0, HealthReason.TEST_CONNECT, "refused")
    shop.ask()
    assert shop.found() == []
    shop = Shop()
    shop.ask(RetryCause.CONNECT)
    assert shop.found() == []
