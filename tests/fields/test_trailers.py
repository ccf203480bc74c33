"""What may stand behind a body, and who takes it."""

from __future__ import annotations

import pytest

from urlrewrite.fields.forwarding import SPOOFABLE
from urlrewrite.fields.reasons import FieldReason
from urlrewrite.fields.trailers import NOT_IN_TRAILERS, request_trailers, response_trailers, takes_trailers
from urlrewrite.model.field_lines import FieldLines

LINES: FieldLines = (("Server-Timing", "db"), ("grpc-status", "0"))

NEVER = """
    Connection Content-Length Host Keep-Alive Proxy-Connection TE Trailer Transfer-Encoding Upgrade
    Authorization Cookie Proxy-Authenticate Proxy-Authorization Set-Cookie WWW-Authenticate
    Cache-Control Expect If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Max-Forwards Pragma Range
    Age Date Expires Location Retry-After Vary Warning Content-Encoding Content-Location Content-Range Content-Type
""".split()


@pytest.mark.parametrize(
    ("version", "fields", "takes"),
    [
        ("HTTP/1.0", (("TE", "trailers"),), False),
        ("HTTP/1.1", (), False),
        ("HTTP/1.1", (("TE", "gzip"), ("te", "deflate;q=0.5, Trailers")), True),
        ("HTTP/1.1", (("TE", "x-trailers"), ("Trailer", "trailers")), False),
        ("HTTP/2.0", (), True),
        ("HTTP/3", (), True),
    ],
)
def test_who_takes_trailers(version: str, fields: FieldLines, takes: bool) -> None:
    assert takes_trailers(version, fields) is takes


def test_what_is_named_here_is_all() -> None:
    assert {name.lower() for name in NEVER} == NOT_IN_TRAILERS


@pytest.mark.parametrize("name", [*NEVER, "no name", "", "X:"])
def test_what_may_not_stand_there_is_left_out(name: str) -> None:
    for kept, changes in (
        response_trailers((*LINES, (name, "x")), taken=True, rewritten=False),
        request_trailers(((name, "x"), *LINES)),
    ):
        assert kept == LINES
        assert [(change.field, change.after, change.whys[0].reason) for change in changes] == [
            (name, None, FieldReason.NO_TRAILER)
        ]


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00"])
def test_a_value_that_would_be_more_than_one_line_is_left_out(value: str) -> None:
    assert request_trailers((*LINES, ("X", value)))[0] == LINES


@pytest.mark.parametrize("name", sorted(SPOOFABLE))
def test_a_client_cannot_say_who_it_is_behind_a_body(name: str) -> None:
    for spelling in (name, name.upper(), name.replace("-", "_")):
        assert request_trailers((*LINES, (spelling, "forged")))[0] == LINES


def test_validators_of_other_bytes_are_left_out() -> None:
    lines = (*LINES, ("ETag", '"a"'), ("Last-Modified", "x"))
    assert response_trailers(lines, taken=True, rewritten=False) == (lines, [])
    assert response_trailers(lines, taken=True, rewritten=True)[0] == LINES


def test_who_does_not_take_them_gets_none() -> None:
    kept, changes = response_trailers(LINES, taken=False, rewritten=False)
    assert kept == ()
    assert [change.whys[0].reason for change in changes] == [FieldReason.NOT_TAKEN] * 2
