"""Fields are found, and parts of messages refused, as by mitmproxy's own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers, Message, MessageData, Request, Response
from mitmproxy.test import taddons

from urlrewrite.hooks.bounds import CutFields
from urlrewrite.hooks.patches import message_parts
from urlrewrite.hooks.patches.message_parts import MessageParts

OWN_GET_ALL, OWN_CHECK = Headers.get_all, MessageData.__post_init__


@pytest.fixture
def ours() -> Iterator[None]:
    with taddons.context(addon := MessageParts(), loadcore=False):
        assert message_parts.is_in_place()
        yield
        addon.done()
    assert not message_parts.is_in_place()
    assert Headers.get_all is OWN_GET_ALL
    assert MessageData.__post_init__ is OWN_CHECK
    assert not {"get", "__getitem__", "__contains__"} & vars(Headers).keys()


NAMES = st.sampled_from([b"Host", b"host", b"HOST", b"Cookie", b"X-\xff", b"x-\xff", "X-Ä".encode(), b""])
VALUES = st.sampled_from([b"", b"a", b"b, c", b"\xe4", "ä".encode()])
ASKED = st.one_of(NAMES, st.sampled_from(["host", "Host", "cookie", "x-\udcff", "X-ä", "x-Ä", "", "nothing"]))
QUESTIONS = {
    "get_all": lambda headers, name: headers.get_all(name),
    "get": lambda headers, name: headers.get(name),
    "get with a default": lambda headers, name: headers.get(name, default=7),
    "in": lambda headers, name: name in headers,
    "[]": lambda headers, name: headers[name],
    "setdefault": lambda headers, name: headers.copy().setdefault(name, "new"),
    "pop": lambda headers, name: headers.copy().pop(name),
}


def answer(question: Any, headers: Headers, name: Any) -> Any:
    try:
        return question(headers, name)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_question(question: Any) -> None:
    @given(lines=st.lists(st.tuples(NAMES, VALUES), max_size=5), name=ASKED)
    def ask(lines: list[tuple[bytes, bytes]], name: str | bytes) -> None:
        expected = answer(question, Headers(lines), name)
        with taddons.context(addon := MessageParts(), loadcore=False):
            try:
                assert answer(question, Headers(lines), name) == expected
                assert answer(question, CutFields(lines), name) == expected
            finally:
                addon.done()

    ask()


@pytest.mark.parametrize("name", [None, 7, b"a"])
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_name_that_is_none(question: Any, name: Any) -> None:
    headers = Headers([(b"a", b"1"), (b"A", b"2")])
    expected = answer(question, headers, name)
    with taddons.context(addon := MessageParts(), loadcore=False):
        assert answer(question, headers, name) == expected
        addon.done()


class Line(tuple[bytes, bytes]):
    __slots__ = ()


# what field lines are made of
LINES: list[tuple[Any, dict[str, Any]]] = [
    ((), {}),
    ([(b"a", b"1"), (b"A", b"2")], {}),
    ([[b"a", b"1"]], {}),
    (iter([(b"a", b"1")]), {}),
    ([Line((b"a", b"1"))], {}),
    ([(b"a", b"1")], {"a": "2", "content_type": "text/html"}),
    ([("a", b"1")], {}),
    ([(b"a", None)], {}),
    ([(b"a", b"1", b"2")], {}),
    ([(b"a",)], {}),
    (7, {}),
]


@pytest.mark.parametrize(("lines", "more"), LINES)
def test_field_lines(lines: Any, more: dict[str, Any]) -> None:
    told = []
    given = list(lines) if isinstance(lines, Iterator) else lines
    for addon in (None, MessageParts()):
        with taddons.context(*filter(None, [addon]), loadcore=False):
            told.append(answer(lambda _, given: Headers(given, **more).fields, Headers(), given))
            if addon:
                addon.done()
    assert told[0] == told[1]


class Text(str):
    __slots__ = ()


def request(**parts: Any) -> Message:
    usual = {
        "host": "a",
        "port": 1,
        "method": b"GET",
        "scheme": b"http",
        "authority": b"",
        "path": b"/",
        "http_version": b"HTTP/1.1",
        "headers": Headers(),
        "content": b"",
        "trailers": None,
        "timestamp_start": 1.0,
        "timestamp_end": None,
    }
    return Request(**{**usual, **parts})


def response(**parts: Any) -> Message:
    usual = {
        "http_version": b"HTTP/1.1",
        "status_code": 200,
        "reason": b"",
        "headers": Headers(),
        "content": b"",
        "trailers": None,
        "timestamp_start": 1.0,
        "timestamp_end": 2.0,
    }
    return Response(**{**usual, **parts})


# what makes a message, a part, and whether it is of the right type
PARTS = [
    (request, {}, True),
    (request, {"host": Text("a")}, True),
    (request, {"host": 7}, False),
    (request, {"port": "1"}, False),
    (request, {"content": None}, True),
    (request, {"content": bytearray(b"x")}, False),
    (request, {"headers": CutFields()}, True),
    (request, {"trailers": Headers()}, True),
    (request, {"timestamp_start": 1}, True),
    (request, {"timestamp_end": 1}, True),
    (request, {"timestamp_start": None}, False),
    (response, {}, True),
    (response, {"status_code": True}, True),
    (response, {"status_code": None}, False),
    (response, {"reason": b"OK"}, True),
    (response, {"timestamp_end": "later"}, False),
]


@pytest.mark.parametrize(("make", "parts", "right"), PARTS)
def test_a_part(make: Any, parts: dict[str, Any], right: bool) -> None:
    told = []
    for addon in (None, MessageParts()):
        with taddons.context(*filter(None, [addon]), loadcore=False):
            told.append(answer(lambda _, given: bool(make(**given)), Headers(), parts))
            if addon:
                addon.done()
    assert told[0] == told[1]
    assert (told[0] is True) is right


def test_what_is_right_is_seen_at_a_glance(ours: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del ours
    monkeypatch.setattr(message_parts, "_own_check", None)
    assert request()
    assert response()


def test_mitmproxy_goes_on_by_itself_where_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, *rest = message_parts.INTERNALS
    monkeypatch.setattr(message_parts, "INTERNALS", (first._replace(known="other"), *rest))
    with taddons.context(MessageParts(), loadcore=False):
        assert not message_parts.is_in_place()
    assert "mitmproxy.http:Headers is new" in caplog.text
