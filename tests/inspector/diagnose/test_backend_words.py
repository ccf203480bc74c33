"""What backends say, and how they were asked, where a request failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.exchanges import seen_by
from rules_of import rules_of
from urlrewrite.inspector.diagnose.backend_words import MAX_PAGE, error_text, exchanged, protocol_of
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.page_loads import PageLoad
from urlrewrite.inspector.diagnose.statuses import MANY_COOKIES
from urlrewrite.model.field_lines import FieldLines


def exchange_of(body: str, rules: str = "", fields: FieldLines = ()) -> Case:
    in_force = rules_of(rules)
    return Case(PageLoad(seen_by(in_force, body.encode(), status=400, request_fields=fields)), in_force)


PAGES = [
    ("<h1>400 Bad Request</h1><hr>sent to &lt;HTTPS&gt; port", "400 Bad Request sent to <HTTPS> port"),
    ("<title>Not here</title><script>x = '<p>'</script><style>p{}</style>", "Not here"),
    ("<!-- <p>old</p> --><p>new\n line", "new line"),
    ("", ""),
    ("x" * (MAX_PAGE + 1), ""),
]


@pytest.mark.parametrize(("body", "said"), PAGES)
def test_a_short_error_is_quoted(body: str, said: str) -> None:
    case = exchange_of(body)
    assert error_text(case, case.page) == said


def test_how_a_backend_was_asked() -> None:
    case = exchange_of("no", "preserveHostHeader: true", (("Cookie", "a=" + "b" * MANY_COOKIES),))
    told = dict(exchanged(case, case.page))
    assert told["the backend says"] == "no"
    assert told["Host header sent"] == "www.example.com (preserveHostHeader: true)"
    assert "Forwarded, " in told["also sent by this proxy"] and told["cookies"] == "4.1 kB"


def test_what_is_usual_is_not_told() -> None:
    case = exchange_of("")
    told = dict(exchanged(case, case.page))
    assert told.keys() == {"Host header sent", "also sent by this proxy"}
    assert told["Host header sent"] == "privateserver:8080"


FIRST_BYTES = [
    (b"\x15\x03\x01\0\x02\x02F", "TLS"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
    (b"220 mail.example.com ESMTP", "SMTP"),
    (b"-ERR unknown command", "Redis"),
    (b"+OK POP3 server ready\r\n", "POP3"),
    (b"* OK IMAP4rev1 ready\r\n", "IMAP"),
    (b"hello", ""),
    (b"\0\0\x06\x01\0\0\0\0\0", ""),
    (b"", ""),
]


@pytest.mark.parametrize(("sent", "name"), FIRST_BYTES)
def test_other_protocols_are_known_by_their_first_bytes(sent: bytes, name: str) -> None:
    found = protocol_of(f"unexpected server response: {sent!r}")
    assert found.startswith(name) and bool(found) is bool(name)


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=80))
def test_details_may_be_cut_off_anywhere(sent: bytes, at: int) -> None:
    protocol_of(f"unexpected server response: {sent!r}"[:at])
