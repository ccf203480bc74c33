"""A flow as a file for a ticket: it tells what happened, and no secret."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from inspector.exchanges import TRACES, seen_by, seen_with, snapshot
from rules_of import rules_of
from urlrewrite.inspector.pages import flow as page
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.share import Shared

SECRETS = ("hunter2-and-more", "Zm9vOmJhcg==", "se55ion", "t0k3n-of-somebody")
RULES = """
links: everywhere
rules:
  - name: by cookie
    match: ^page
    conditions: [{input: '{HTTP_COOKIE}', pattern: 'sid=(.*)'}]
    action: {type: Rewrite, url: '/other?who={C:1}'}
"""


def shared(form: str) -> str:
    seen = seen_by(
        rules_of(RULES),
        b'<a href="http://privateserver:8080/x">',
        url="https://www.example.com/page?token=t0k3n-of-somebody&a=b",
        fields=(("Content-Type", "text/html"), ("Set-Cookie", "id=hunter2-and-more; Path=/")),
        request_fields=(("Authorization", "Basic Zm9vOmJhcg=="), ("Cookie", "sid=se55ion"), ("X-Plain", "seen")),
    )
    told: dict[str, Any] = page.data(snapshot(seen), {"flow": seen.flow_id, "share": form})
    assert told["name"] == f"flow-flow-1.{form}"
    return str(told["text"])


@pytest.mark.parametrize("form", ["html", "har"])
def test_secrets_are_masked_and_the_rest_is_told(form: str) -> None:
    text = shared(form)
    assert [secret for secret in SECRETS if secret in text] == []
    for told in ("***", "X-Plain", "seen", "by cookie", "a=b", "Authorization"):
        assert told in text


def test_har_has_what_its_readers_require() -> None:
    log = json.loads(shared("har"))["log"]
    (entry,) = log["entries"]
    assert (log["version"], entry["request"]["method"], entry["response"]["status"]) == ("1.2", "GET", 200)
    assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= entry.keys()
    assert {"name": "token", "value": "***"} in entry["request"]["queryString"]
    assert entry["response"]["content"]["mimeType"] == "text/html"
    assert any("by cookie" in line for line in entry["_urlrewrite"])


def test_a_page_runs_and_loads_nothing() -> None:
    attack = "<script>alert(1)</script><img src=x>"
    seen = seen_with({"id": attack, "events": [{"event": "ERROR", "message": attack}]})
    request = replace(seen.request, target=f"/{attack}", method=attack, fields=((attack, attack),))
    text = Shared(replace(seen, request=request, failed=attack)).as_html()
    assert "<script" not in text
    assert "<img" not in text
    assert "default-src 'none'" in text


def test_another_form_is_refused() -> None:
    seen = seen_with({"id": "1"})
    with pytest.raises(PageError, match="share: got pdf, expected html or har"):
        page.data(snapshot(seen), {"flow": seen.flow_id, "share": "pdf"})


@given(TRACES)
def test_whatever_was_recorded_it_is_shared(trace: Any) -> None:
    one = Shared(seen_with(trace))
    assert one.as_html()
    json.dumps(one.as_har(), allow_nan=False)
