"""The commands, called as mitmproxy's prompt and mitmweb call them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, http, options
from mitmproxy.test import taddons, tflow
from mitmproxy.tools.web.master import WebMaster
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from hooks.support import answer, request_flow, write
from urlrewrite.hooks import commands
from urlrewrite.hooks.commands import Commands
from urlrewrite.hooks.inbound import Inbound
from urlrewrite.hooks.options import Options
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.outbound import Outbound
from urlrewrite.hooks.recorder import Recorder
from urlrewrite.hooks.rules_file import RulesFile
from urlrewrite.hooks.state import State
from urlrewrite.hooks.web_pages import WebPages
from urlrewrite.loading.load import load_rules

PASSWORD = "let me in"
XSRF = "2|00000000|00000000000000000000000000000000|1000000000"
PAGE = b'<p title="http://privateserver:8080/t">secret-of-cookie</p><a href="http://privateserver:8080/x">'
TAGS = "links: tags\n"
RULES = """
rules:
  - {name: old, match: ^old$, action: {type: Redirect, url: /new}}
"""

SIGNATURES = {
    "rewrite.explain": "rewrite.explain flows -> str[]",
    "rewrite.export": "rewrite.export flows file secrets -> str[]",
    "rewrite.files": "rewrite.files  -> str[]",
    "rewrite.leaks": "rewrite.leaks flows -> str[]",
    "rewrite.reload": "rewrite.reload  -> str",
    "rewrite.replay": "rewrite.replay flows -> str",
    "rewrite.rules": "rewrite.rules  -> str[]",
    "rewrite.try": "rewrite.try url method *fields -> str[]",
    "rewrite.whatif": "rewrite.whatif flows file instead_of -> str[]",
}
TYPES = {
    "rewrite.whatif": ["flow[]", "path", "choice"],
    "rewrite.export": ["flow[]", "path", "bool"],
    "rewrite.try": ["str", "str", "str"],
}


@dataclass
class Proxy:
    """mitmweb with the commands, and one rule file."""

    master: WebMaster
    state: State
    file: Path
    updated: list[Any]

    def call(self, name: str, *arguments: str) -> Any:
        result = self.master.commands.call_strings(name, arguments)
        json.dumps(result)
        return result

    async def flow(self, path: str = "/a", body: bytes = PAGE, **fields: str) -> http.HTTPFlow:
        """A flow through all hooks, as it stands in the list afterwards."""
        flow = request_flow(path, Cookie="sid=secret-of-cookie", **fields)
        await Inbound(self.state).requestheaders(flow)
        if not flow.response:
            answer(flow, body, 200, content_type="text/html", Set_Cookie="sid=secret-of-cookie; Domain=privateserver")
        outbound = Outbound(self.state)
        await outbound.responseheaders(flow)
        await outbound.response(flow)
        Recorder(self.state).response(flow)
        self.master.view.add([flow])
        return flow


class Listener:
    """What hears of changed flows, as all UIs do."""

    def __init__(self) -> None:
        self.updated: list[Any] = []

    def update(self, flows: Sequence[Any]) -> None:
        self.updated += flows


@pytest.fixture
async def proxy(tmp_path: Path) -> Proxy:
    file = write(tmp_path / "rules.yaml", TAGS + RULES)
    master = WebMaster(options.Options(), with_termlog=False)
    state, listener = State(), Listener()
    rules_file, pages = RulesFile(state, lambda: None), WebPages(state)
    master.addons.add(Options(), rules_file, pages, Commands(state, rules_file, pages.snapshot), listener)
    master.options.update(web_password=PASSWORD, urlrewrite_rules=[str(file)])
    return Proxy(master, state, file, listener.updated)


def test_each_command_is_there_with_types_and_help(proxy: Proxy) -> None:
    known = {name: item for name, item in proxy.master.commands.commands.items() if name.startswith("rewrite.")}
    assert {name: item.signature_help() for name, item in known.items()} == SIGNATURES
    assert all(item.help and len(item.help) > 30 for item in known.values())
    for name, types in TYPES.items():
        shown = proxy.master.commands.parse_partial(f"{name} ")[1]
        assert [commands.command.typename(item.type) for item in shown] == types


async def test_explain_tells_the_trace_of_each_flow(proxy: Proxy) -> None:
    await proxy.flow()
    assert any("1  http://privateserver:8080 →" in line for line in proxy.call("rewrite.explain", "@all"))
    await proxy.flow("/old")
    lines = proxy.call("rewrite.explain", "@all")
    assert any('redirected by "old"' in line for line in lines)
    assert [line for line in lines if line.startswith("────")] == [
        "──── GET https://www.example.com/a",
        "──── GET https://www.example.com/old",
    ]


async def test_leaks_tells_what_is_left(proxy: Proxy) -> None:
    await proxy.flow()
    lines = proxy.call("rewrite.leaks", "@all")
    assert any("<p title>" in line for line in lines)
    assert not any("<a href>" in line for line in lines)


async def test_try_needs_no_flow(proxy: Proxy) -> None:
    lines = proxy.call("rewrite.try", "https://www.example.com/old", "POST", "X-A: 1")
    assert lines[:2] == ["POST https://www.example.com/old", "→ 301 https://www.example.com/new"]


TRY_ERRORS = {
    ("www.example.com/old",): "expected an absolute http or https URL",
    ("https://www.example.com/ old",): "got a URL with a blank",
    ("https://[/",): "URL",
    ("https://www.example.com/", "G T"): "got the method",
    ("https://www.example.com/", "GET", "no colon"): 'headers, line 1: got "no colon"',
}


@pytest.mark.parametrize(("arguments", "message"), TRY_ERRORS.items())
async def test_try_tells_what_is_wrong(proxy: Proxy, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(exceptions.CommandError, match="(?s)" + message.replace("[", r"\[")):
        proxy.call("rewrite.try", *arguments)


async def test_whatif_compares_an_edited_copy(proxy: Proxy, tmp_path: Path) -> None:
    await proxy.flow()
    await proxy.flow("/old")
    copy = tmp_path / "copy.yaml"
    copy.write_text(proxy.file.read_text().replace("links: tags", "links: everywhere").replace("/new", "/newer"))
    lines = proxy.call("rewrite.whatif", "@all", str(copy))
    assert lines[0] == "2 responses of 2 exchanges would change"
    assert any("leaks that would vanish" in line for line in lines)
    assert "  + answered 301 to https://www.example.com/newer" in lines
    assert proxy.call("rewrite.whatif", "@all", str(copy), str(proxy.file)) == lines
    assert "links: tags" in proxy.file.read_text()


async def test_whatif_refuses_what_cannot_be_loaded(proxy: Proxy, tmp_path: Path) -> None:
    await proxy.flow()
    copy = tmp_path / "copy.yaml"
    copy.write_text("links: sometimes\n")
    for name, message in ((str(copy), rf"{proxy.file}:1: links: got .sometimes"), ("/nowhere", "cannot be read")):
        with pytest.raises(exceptions.CommandError, match=message):
            proxy.call("rewrite.whatif", "@all", name)
    with pytest.raises(exceptions.CommandError, match="Invalid choice"):
        proxy.call("rewrite.whatif", "@all", str(copy), "/etc/passwd")


async def test_replay_applies_the_rules_of_now(proxy: Proxy) -> None:
    flow, old = await proxy.flow(), await proxy.flow("/old")
    by_hand = await proxy.flow("/b")
    by_hand.comment, by_hand.marked = "mine", ":star:"
    without = await proxy.flow("/c")
    without.metadata[KEY]["body"] = None
    before, original = flow.comment, dict(flow.metadata[KEY])
    write(proxy.file, "links: everywhere\n" + RULES.replace("/new", "/newer"))
    assert "in force" in proxy.call("rewrite.reload")
    told = proxy.call("rewrite.replay", "@all")
    assert told == "3 flows replayed; without the backend's response: 1"
    assert proxy.updated == [flow, old, by_hand]
    assert flow.response
    assert flow.response.content == PAGE.replace(b"http://privateserver:8080", b"https://www.example.com")
    assert flow.response.headers["content-length"] == str(len(flow.response.content))
    assert flow.metadata["urlrewrite.links"] == 2
    assert "urlrewrite.leaks" not in flow.metadata
    assert flow.comment != before
    assert flow.metadata[KEY] == original
    assert flow.modified()
    assert old.response
    assert old.response.headers["location"] == "https://www.example.com/newer"
    assert (by_hand.comment, by_hand.marked) == ("mine", ":star:")
    again = http.HTTPFlow.from_state(flow.get_state())
    assert again.metadata["urlrewrite"]["rules"] == flow.metadata["urlrewrite"]["rules"]
    assert proxy.call("rewrite.replay", "@all").startswith("3 flows replayed")


async def test_a_broken_file_is_told_and_not_taken(proxy: Proxy) -> None:
    before = proxy.state.in_force
    proxy.file.write_text("links: sometimes\n")
    with pytest.raises(exceptions.CommandError, match=r"links: got .sometimes"):
        proxy.call("rewrite.reload")
    assert proxy.state.in_force is before


async def test_rules_lists_them_with_their_hits(proxy: Proxy) -> None:
    await proxy.flow("/old")
    lines = proxy.call("rewrite.rules")
    assert any('1×  "old"' in line and line.endswith(f"{proxy.file}:8") for line in lines)
    assert proxy.call("rewrite.files") == [str(proxy.file)]


async def test_export_gives_cases_that_pass(proxy: Proxy, tmp_path: Path) -> None:
    await proxy.flow("/a?token=abcdefgh")
    await proxy.flow("/old")
    lines = proxy.call("rewrite.export", "@all")
    assert lines[0] == "tests:"
    text = "\n".join(lines)
    assert "secret-of-cookie" not in text
    assert "abcdefgh" not in text
    assert "sid=***" in text
    target = tmp_path / "cases.yaml"
    assert proxy.call("rewrite.export", "@all", str(target)) == [f"2 cases written to {target}"]
    proxy.file.write_text(proxy.file.read_text() + target.read_text())
    assert len(load_rules([proxy.file])[0].rule_set.tests) == 2
    with pytest.raises(exceptions.CommandError, match="File exists"):
        proxy.call("rewrite.export", "@all", str(target))
    assert "secret-of-cookie" in "\n".join(proxy.call("rewrite.export", "@all", "", "true"))


NEED_FLOWS = [("rewrite.explain",), ("rewrite.leaks",), ("rewrite.export",)]


@pytest.mark.parametrize("name", [name for (name,) in NEED_FLOWS])
async def test_flows_without_a_trace_are_refused(proxy: Proxy, name: str) -> None:
    proxy.master.view.add([tflow.tflow(resp=True), tflow.tdnsflow(), tflow.tflow(err=True)])
    with pytest.raises(exceptions.CommandError, match="got no flow that the rules saw"):
        proxy.call(name, "@all")


async def test_replay_passes_over_what_it_cannot_replay(proxy: Proxy) -> None:
    flow = tflow.tflow(resp=True)
    flow.metadata["urlrewrite"] = {"events": 3, "target": []}
    proxy.master.view.add([flow, tflow.tdnsflow()])
    told = proxy.call("rewrite.replay", "@all")
    assert told == "0 flows replayed; without the backend's response: 1; not handled by the rules: 1"
    assert not proxy.updated


async def test_a_command_ends_when_its_time_is_up(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "SECONDS", -1.0)
    await proxy.flow()
    assert proxy.call("rewrite.explain", "@all") == ["… there was no time left for 1 flow"]
    assert proxy.call("rewrite.replay", "@all") == "0 flows replayed; there was no time left for 1"


async def test_without_rules_it_says_so() -> None:
    state = State()
    rules_file, pages = RulesFile(state, lambda: None), WebPages(state)
    with taddons.context(addon := Commands(state, rules_file, pages.snapshot)):
        for method in (addon.rules, lambda: addon.leaks([]), lambda: addon.replay([])):
            with pytest.raises(exceptions.CommandError, match="no rules are in force"):
                method()


@pytest.fixture
async def port(proxy: Proxy) -> AsyncIterator[int]:
    socket, port = bind_unused_port()
    listening = HTTPServer(proxy.master.app)
    listening.add_socket(socket)
    yield port
    listening.stop()
    await listening.close_all_connections()


CALLS: dict[str, list[str]] = {
    "rewrite.explain": ["@all"],
    "rewrite.leaks": ["@all"],
    "rewrite.try": ["https://www.example.com/old"],
    "rewrite.whatif": ["@all", "FILE"],
    "rewrite.replay": ["@all"],
    "rewrite.reload": [],
    "rewrite.rules": [],
    "rewrite.files": [],
    "rewrite.export": ["@all"],
}


async def test_mitmweb_runs_each_of_them(proxy: Proxy, port: int) -> None:
    assert CALLS.keys() == SIGNATURES.keys()
    await proxy.flow()
    for name, arguments in CALLS.items():
        given = [str(proxy.file) if argument == "FILE" else argument for argument in arguments]
        told = await post(port, name, given)
        assert "error" not in told, (name, told)
        assert told["value"]
    assert "expected an absolute" in (await post(port, "rewrite.try", ["nothing"]))["error"]


async def post(port: int, name: str, arguments: list[str]) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bearer {PASSWORD}",
        "Cookie": f"_mitmproxy_xsrf={XSRF}",
        "X-XSRFToken": XSRF,
        "Content-Type": "application/json",
        "Sec-Fetch-Site": "same-origin",
    }
    request = HTTPRequest(
        f"http://127.0.0.1:{port}/commands/{name}", "POST", headers, json.dumps({"arguments": arguments}).encode()
    )
    found: dict[str, Any] = json.loads((await AsyncHTTPClient().fetch(request)).body)
    return found
