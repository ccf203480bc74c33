"""What counts as broken by the proxy: what is only in the visit through it."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest

from applications.__main__ import MODULES
from applications.application import Application
from applications.differences import Difference, Kind, differences
from applications.visit import Seen
from e2e.support.response import Response

NAMED = Response(200, [(b"Location", b"http://PrivateServer:8080/")], b"")
BROKEN: list[tuple[Kind, Callable[[Seen], object], str]] = [
    (Kind.STEP, lambda seen: seen.steps.update({"log in": "no form"}), "log in: no form"),
    (Kind.FAILED, lambda seen: seen.failed.append("404 GET /x"), "404 GET /x"),
    (Kind.STRANGER, lambda seen: seen.strangers.append("GET http://privateserver:8080/"), "GET http://privateserver"),
    (Kind.OUTSIDE, lambda seen: seen.outside.append("GET /x"), "GET /x"),
    (Kind.CONSOLE, lambda seen: seen.console.append("x is undefined"), "x is undefined"),
    (Kind.COOKIE, lambda seen: seen.cookies["log in"].clear(), "session, after: log in"),
    (
        Kind.NAMED,
        lambda seen: seen.responses.append(("https://www.example.com/", NAMED)),
        "https://www.example.com/: ...",
    ),
]


def seen() -> Seen:
    return Seen({"log in": ""}, cookies={"log in": {"session"}})


@pytest.mark.parametrize(("kind", "break_it", "what"), BROKEN, ids=[kind for kind, *_ in BROKEN])
def test_what_is_only_in_the_second_visit_is_told_once(
    kind: Kind, break_it: Callable[[Seen], object], what: str
) -> None:
    assert differences(seen(), seen(), "privateserver") == []
    broken = seen()
    break_it(broken)
    broken.failed *= 2
    [found] = differences(seen(), broken, "privateserver")
    assert isinstance(found, Difference)
    assert found.kind is kind
    assert found.what.startswith(what)


def test_what_is_broken_without_the_proxy_is_none_of_its_faults() -> None:
    ours = seen()
    for kind, break_it, _ in BROKEN:
        if kind is not Kind.NAMED:
            break_it(ours)
    ours.outside.clear()
    assert differences(ours, ours, "privateserver") == []


def test_what_failed_elsewhere_is_told_once() -> None:
    ours = seen()
    ours.outside.append("WebSocket /lib/echo")
    ours.failed.append("WebSocket Error during WebSocket handshake: Unexpected response code: 404 /lib/echo")
    ours.console.append("WebSocket connection to '/lib/echo' failed: Error during WebSocket handshake")
    assert [found.kind for found in differences(seen(), ours, "privateserver")] == [Kind.OUTSIDE]


@pytest.mark.parametrize("name", MODULES)
def test_each_module_of_the_catalogue_has_an_application(name: str) -> None:
    assert isinstance(importlib.import_module(f"applications.catalogue.{name}").APPLICATION, Application)
