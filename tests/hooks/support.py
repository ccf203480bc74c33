"""Flows for the hooks, as mitmproxy makes them in reverse mode."""

from __future__ import annotations

import textwrap
from pathlib import Path

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow, tutils

from urlrewrite.engine.compile import compile_rules
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.hooks.state import State

SITE = """
public: [https://www.example.com, http://www.example.com]
backend: http://privateserver:8080
connect: 127.0.0.1:9000
"""


def state_of(text: str = "", *, site: str = SITE) -> State:
    """A state in which the rules of one site are in force."""
    rule_set, _ = parse(site + textwrap.dedent(text), "rules.yaml")
    return State(RulesInForce(compile_rules(rule_set)[0], Settings()))


def request_flow(path: str = "/x", *, host: str = "www.example.com", tls: bool = True, **fields: str) -> http.HTTPFlow:
    """A live flow whose request has just come in."""
    lines = [(b"Host", host.encode()), *((k.replace("_", "-").encode(), v.encode()) for k, v in fields.items())]
    flow = tflow.tflow(req=tutils.treq(host="127.0.0.1", port=1, path=path.encode(), headers=http.Headers(lines)))
    flow.request.authority = ""
    flow.client_conn.proxy_mode = ProxyMode.parse("reverse:https://127.0.0.1:1@8443")
    flow.client_conn.timestamp_tls_setup = 1.0 if tls else None
    flow.client_conn.tls = tls
    flow.client_conn.sni = host if tls else None
    flow.live = True
    return flow


def answer(flow: http.HTTPFlow, body: bytes, status: int = 200, **fields: str) -> http.Response:
    """Puts the backend's response into a flow."""
    lines = [(k.replace("_", "-").encode(), v.encode()) for k, v in fields.items()]
    flow.response = http.Response(b"HTTP/1.1", status, b"OK", http.Headers(lines), body, None, 1.0, 2.0)
    return flow.response


def write(path: Path, text: str) -> Path:
    """A rule file with one site."""
    path.write_text(SITE + textwrap.dedent(text))
    return path
