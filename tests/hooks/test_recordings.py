"""Recordings of this bundle, of a stock mitmproxy and of browsers, and what `explain --flow` makes of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mitmproxy import flow, http
from mitmproxy.io import FlowWriter, tnetstring
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from hooks.support import answer, request_flow, state_of
from urlrewrite.cli.main import main
from urlrewrite.engine.facts import RequestFacts
from urlrewrite.hooks import recordings as recorded
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import Recorder
from urlrewrite.hooks.recordings import RecordingError, read_recording
from urlrewrite.hooks.translate import request_facts

RULES = """
rules:
  - name: tenant
    match: ^t/(.*)
    serverVariables: {HTTP_X_TENANT: one, HTTP_ACCEPT_ENCODING: ''}
    action: {type: Rewrite, url: '/x/{R:1}'}
  - name: old articles
    match: ^article/(.*)
    action: {type: Redirect, url: '/news/{R:1}'}
"""
PAGE = b'<a href="http://privateserver:8080/a">a</a>'
PUBLIC_PAGE = b'<a href="https://www.example.com/a">a</a>'


def save(path: Path, *flows: flow.Flow) -> Path:
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for item in flows:
            writer.add(item)
    return path


async def judged(item: http.HTTPFlow, *, page: bytes = PAGE, error: str = "") -> http.HTTPFlow:
    """A flow after everything that this bundle does with it."""
    state = state_of(RULES)
    inbound, outbound, recorder = Inbound(state), Outbound(state), Recorder(state)
    await inbound.requestheaders(item)
    recorder.requestheaders(item)
    if error:
        item.error = flow.Error(error)
        recorder.error(item)
        return item
    if item.response is None:
        answer(item, page, Content_Type="text/html")
    await outbound.responseheaders(item)
    await outbound.response(item)
    recorder.response(item)
    return item


FIELDS = {
    "Accept_Encoding": "gzip, deflate, br, zstd, compress",
    "X_Forwarded_For": "192.0.2.7",
    "Forwarded": "for=192.0.2.7",
    "Origin": "https://www.example.com",
    "Referer": "https://www.example.com/t/",
    "If_None_Match": '"a-ur-01234567"',
    "X_Tenant": "mine",
}


@pytest.mark.parametrize("http_version", ["HTTP/1.1", "HTTP/2.0"])
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("path", ["/t/a%2Fb?x=1", "/", "/article/7", "/%ff?http://privateserver/"])
async def test_a_flow_of_ours_tells_what_the_client_sent(
    path: str, tls: bool, http_version: str, tmp_path: Path
) -> None:
    item = request_flow(path, tls=tls, **FIELDS)
    item.request.http_version = http_version
    sent = request_facts(item)
    file = save(tmp_path / "flows", await judged(item))
    assert item.request.headers.get("X-Original-URL") or item.response is not None
    (found,) = read_recording(str(file))
    assert found.request == sent
    if path.startswith("/article"):
        assert (found.response, found.notes) == (None, (recorded.OWN_RESPONSE,))
    else:
        assert (found.body, found.notes) == (PAGE, ())


async def test_a_flow_of_ours_whose_original_was_not_kept(tmp_path: Path) -> None:
    item = await judged(request_flow("/t/a"))
    item.metadata[KEY]["body"] = None
    (found,) = read_recording(str(save(tmp_path / "flows", item)))
    assert (found.body, found.notes) == (b"", (recorded.NO_BODY,))
    del item.metadata[KEY]
    (found,) = read_recording(str(save(tmp_path / "flows", item)))
    assert (found.body, found.notes) == (PUBLIC_PAGE, (recorded.REWRITTEN,))


async def test_a_flow_of_ours_without_a_response(tmp_path: Path) -> None:
    file = save(tmp_path / "flows", await judged(request_flow("/t/a"), error="connection refused"))
    (found,) = read_recording(str(file))
    assert (found.response, found.notes) == (None, (f"{recorded.NO_RESPONSE} (connection refused)",))


@pytest.mark.parametrize(
    "request_kept",
    [None, "x", {}, {"url": "https://a/", "host": "a", "target": "/", "method": "GET", "fields": [["a"]]}],
)
async def test_a_trace_that_does_not_tell_the_request(request_kept: object, tmp_path: Path) -> None:
    item = await judged(request_flow("/t/a"))
    item.metadata["urlrewrite"] = item.metadata["urlrewrite"] | {"request": request_kept}
    (found,) = read_recording(str(save(tmp_path / "flows", item)))
    assert found.request.target == "/x/a"
    assert found.notes == (recorded.AS_FORWARDED,)


def passed(mode: str, *, tls: bool, scheme: str, host: str) -> http.HTTPFlow:
    """A flow of a mitmproxy without this bundle."""
    item = request_flow("/a?b", host=host, tls=tls)
    item.client_conn.proxy_mode = ProxyMode.parse(mode)
    item.request.scheme, item.request.host, item.request.port = scheme, "privateserver", 8080
    item.request.host_header = host
    answer(item, PAGE, Content_Type="text/html")
    return item


PASSED = [
    ("reverse:http://privateserver:8080@8443", True, "http", "www.example.com", "https://www.example.com/a?b"),
    ("reverse:http://privateserver:8080@8080", False, "http", "privateserver:8080", "http://privateserver:8080/a?b"),
    ("regular", True, "https", "www.example.com", "https://www.example.com/a?b"),
    # The connection to the proxy has TLS, the request has not.
    ("regular", True, "http", "www.example.com", "http://www.example.com/a?b"),
]


@pytest.mark.parametrize(("mode", "tls", "scheme", "host", "url"), PASSED)
def test_a_flow_of_another_mitmproxy(mode: str, tls: bool, scheme: str, host: str, url: str, tmp_path: Path) -> None:
    file = save(tmp_path / "flows", passed(mode, tls=tls, scheme=scheme, host=host))
    (found,) = read_recording(str(file))
    assert (found.request.url, found.body, found.notes) == (url, PAGE, ())
    assert found.response
    assert found.response.fields == (("Content-Type", "text/html"),)
    assert found.request.client == ("127.0.0.1", 22)


def test_a_body_that_was_not_kept(tmp_path: Path) -> None:
    item = passed("regular", tls=False, scheme="http", host="www.example.com")
    assert item.response
    item.response.raw_content = None
    (found,) = read_recording(str(save(tmp_path / "flows", item)))
    assert (found.body, found.notes) == (b"", (recorded.NO_BODY,))


def har(**changes: object) -> dict:
    entry = {
        "startedDateTime": "2026-01-01T00:00:00.000Z",
        "time": 1,
        "request": {
            "method": "GET",
            "url": "http://privateserver:8080/a?b",
            "httpVersion": "HTTP/2",
            "headers": [{"name": ":authority", "value": "privateserver:8080"}, {"name": "accept", "value": "*/*"}],
        },
        "response": {
            "status": 200,
            "httpVersion": "HTTP/2",
            "headers": [{"name": "content-type", "value": "text/html"}],
            "content": {"text": PAGE.decode()},
        },
    }
    return {"log": {"entries": [entry | changes]}}


def test_a_har_file(tmp_path: Path) -> None:
    file = tmp_path / "browser.har"
    file.write_text("\ufeff" + json.dumps(har()))
    (found,) = read_recording(str(file))
    assert replace(found.request, client=("", 0), local=("", 0)) == RequestFacts(
        "GET",
        "http",
        "privateserver:8080",
        "/a?b",
        (("Host", "privateserver:8080"), ("accept", "*/*"), ("content-length", "0")),
        http_version="HTTP/2",
        client=("", 0),
        local=("", 0),
    )
    assert (found.body, found.notes) == (PAGE, ())


# --- which flows


@pytest.fixture
def several(tmp_path: Path) -> Path:
    folder = tmp_path / "a:b"
    folder.mkdir()
    items = [request_flow(path) for path in ("/one", "/two", "/three")]
    return save(folder / "flows:1", items[0], tflow.ttcpflow(), *items[1:])


CHOSEN = [
    ("", [1, 3, 4]),
    (":", [1, 3, 4]),
    (":3", [3]),
    (":~u /t", [3, 4]),
    (":~u https://www.example.com/one", [1]),
    (":~u /two | ~u ://www.*/one", [1, 3]),
]


@pytest.mark.parametrize(("choice", "numbers"), CHOSEN)
def test_what_is_chosen(several: Path, choice: str, numbers: list[int]) -> None:
    assert [found.number for found in read_recording(f"{several}{choice}")] == numbers


NOTHING = [
    (":0", "no HTTP flow that 0 chooses, among 4 flows"),
    (":2", "no HTTP flow that 2 chooses, among 4 flows"),
    (":9", "no HTTP flow that 9 chooses, among 4 flows"),
    (":~u nowhere", "no HTTP flow that ~u nowhere chooses, among 4 flows"),
    (":~nonsense (", "Invalid filter expression"),
    ("x", "no such file"),
    ("/../..", "no such file"),
    ("\0", "no such file"),
]


@pytest.mark.parametrize(("choice", "message"), NOTHING)
def test_what_chooses_nothing(several: Path, choice: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message.replace("(", "\\(")) as refused:
        list(read_recording(f"{several}{choice}"))
    assert "\n" not in str(refused.value)


# --- damage


def damaged_files() -> list[bytes]:
    """Flow files and HAR files with every kind of damage; the same ones every time."""
    dice = random.Random(7)
    state = passed("regular", tls=True, scheme="https", host="www.example.com").get_state()
    whole = tnetstring.dumps(state)
    browser = json.dumps(har()).encode()
    broken = [whole[:length] for length in range(1, len(whole), 97)]
    broken += [browser[:length] for length in range(1, len(browser), 17)]
    for source in (whole, browser):
        for _ in range(150):
            data = bytearray(source)
            for _ in range(dice.choice((1, 1, 3, 20))):
                data[dice.randrange(len(data))] = dice.choice(b"\x00\xff}]:,019~!^#;{[\"'")
            broken.append(bytes(data))
    broken += [tnetstring.dumps({**state, key: value}) for key in state for value in (None, 7, "x", [1], {"a": 1})]
    broken += [
        json.dumps(har(**{key: value})).encode() for key in ("request", "response", "time") for value in (None, {})
    ]
    return [
        *broken,
        b"",
        b"x",
        b"\x00" * 99,
        b"999999999999:x",
        b"{" * 100_000,
        b'{"log":' + b"[" * 100_000,
        b"5:hello,",
    ]


def test_a_damaged_file_is_told_in_one_line(tmp_path: Path) -> None:
    told = 0
    for number, data in enumerate(damaged_files()):
        file = tmp_path / str(number)
        file.write_bytes(data)
        try:
            list(read_recording(str(file)))
        except RecordingError as error:
            assert "\n" not in str(error)
            assert str(file) in str(error)
            told += 1
    assert told > 250


# --- explain --flow


@pytest.fixture
def explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"public: https://www.example.com\nbackend: http://privateserver:8080\n{RULES}")

    def run(where: object, *more: str, code: int = 0) -> str:
        assert main(["explain", str(rules), "--flow", str(where), *more]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return run


async def test_flows_of_every_kind_are_told_under_the_rules(explain: Callable[..., str], tmp_path: Path) -> None:
    stock = passed("reverse:http://privateserver:8080@80", tls=False, scheme="http", host="privateserver:8080")
    first = await judged(request_flow("/t/a"))
    del first.metadata[KEY]
    flows = [first, await judged(request_flow("/article/7")), stock]
    told = json.loads(explain(save(tmp_path / "flows", *flows), "--json"))
    assert [item["flow"] for item in told] == [1, 2, 3]
    assert [item["decision"]["action"] for item in told] == ["Rewrite", "Redirect", "None"]
    assert [item["decision"]["url"] for item in told] == [
        "http://privateserver:8080/x/a",
        None,
        "http://privateserver:8080/a?b",
    ]
    assert told[0]["notes"] == [recorded.REWRITTEN]
    assert told[2]["notes"][-1] == "it is shown as if it had come to https://www.example.com"
    assert told[2]["response"]["status"] == 200
    assert any(event["event"] == "CONTENT_CHANGE" for event in told[2]["trace"])

    text = explain(tmp_path / "flows")
    assert text.count("──── flow ") == 3
    assert f"note: {recorded.REWRITTEN}" in text
    assert "https://www.example.com/a" in text
    # A filter sees what the client asked for, not what the backend got.
    for filter, number in (("~u https://www.example.com/t/", 1), ("~u /x/a | ~u /article", 2), ("~u r:8080/a", 3)):
        text = explain(f"{tmp_path / 'flows'}:{filter}")
        assert text.count("──── flow ") == 1
        assert f"──── flow {number}\n" in text


def test_explain_tells_damage_in_one_line(explain: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"17:x")
    for where in (tmp_path / "damaged", tmp_path / "missing"):
        error = explain(where, code=2)
        assert error.startswith(f"run.sh explain: --flow {where}: ")
        assert error.count("\n") == 1
    assert "expected one of them" in explain("x", "https://www.example.com/", code=2)
