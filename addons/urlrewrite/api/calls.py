"""The calls of the public API: each drives what the proxy itself drives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from urlrewrite.api.explanation import as_data, as_text
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.raw_response import parse_response
from urlrewrite.exchange.rule_tests import Evaluation, evaluate, request_facts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.loading import load
from urlrewrite.loading.overrides import parse_overrides
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.model.problems import Problem


class Response(NamedTuple):
    """A response as the client gets it: status, field lines in order, and the body as it is sent, codings included."""

    status: int
    fields: FieldLines
    body: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the rules do with one request, and with its response if one was given.

    Attributes:
        text: the trace for a person, as `run.sh explain` prints it.
        data: decision, response and events, as `run.sh explain --json` prints them.
        response: what the client gets; None if that is up to the backend, or if the connection is dropped.
    """

    text: str
    data: dict[str, Any]
    response: Response | None


def load_rules(
    *files: str | Path, public: Sequence[str] = (), backend: str = "", connect: str = "", allow_open: bool = False
) -> tuple[RulesInForce, tuple[Problem, ...]]:
    """Load rule files of any format; return the rules, ready to use, and the warnings about them.

    Args:
        files: YAML files, web.config, applicationHost.config, or .htaccess.
        public: names by which browsers know the site, such as https://www.example.com, where the file has none.
        backend: the server behind it, such as http://privateserver:8080, where the file has none.
        connect: the address of the backend, HOST:PORT, where its name does not resolve.
        allow_open: whether sites may be open that IIS keeps closed.

    Raises:
        RuleFileError: the files cannot be used; its `problems` say everything that is wrong, with file and line.
        ValueError: one of the other arguments is invalid.
    """
    overrides = parse_overrides(public, backend, connect=connect, allow_open=allow_open)
    compiled, warnings = load.load_rules(files, overrides)
    return RulesInForce(compiled, Settings(trace_every_rule=True)), warnings


def explain(
    rules: RulesInForce,
    url: str,
    *,
    method: str = "GET",
    fields: FieldLines = (),
    client: str = "127.0.0.1",
    response: bytes | None = None,
) -> Explanation:
    """Say what the rules do with one request.

    Args:
        rules: from `load_rules`.
        url: the absolute URL that the client asks for.
        method: the method of the request.
        fields: its field lines, names and values; Host is made of the URL.
        client: the address of the client.
        response: the response of the backend, head and body, as `curl -i` writes it.

    Raises:
        ValueError: the URL or the response is invalid.
    """
    result = _evaluated(rules, url, method, fields, client, response)
    return Explanation(as_text(result), as_data(result), _response(result))


def rewrite(
    rules: RulesInForce,
    url: str,
    response: bytes,
    *,
    method: str = "GET",
    fields: FieldLines = (),
    client: str = "127.0.0.1",
) -> Response | None:
    """Give the response of a backend as the client gets it; None if the rules drop the connection.

    Where the rules respond themselves, that is their response. Arguments and errors as in `explain`.
    """
    return _response(_evaluated(rules, url, method, fields, client, response))


def _evaluated(
    rules: RulesInForce, url: str, method: str, fields: FieldLines, client: str, response: bytes | None
) -> Evaluation:
    facts: ResponseFacts | None = None
    body = b""
    if response is not None:
        facts, body = parse_response(response)
    return evaluate(rules, request_facts(method, url, fields, client=(client, 50000)), facts, body)


def _response(result: Evaluation) -> Response | None:
    return None if result.status is None else Response(result.status, result.fields or (), result.body or b"")
