"""The sub-commands of `run.sh` that need no proxy: init, check, explain."""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urlrewrite import rule_tests
from urlrewrite.answers import Abort, Answer, Forward
from urlrewrite.engine.compile import compile_rules
from urlrewrite.engine.facts import field_values
from urlrewrite.formats import wizard
from urlrewrite.formats.yaml_rules import load
from urlrewrite.in_force import RulesInForce, Settings
from urlrewrite.inspector.report import render
from urlrewrite.problems import Problem, RuleFileError, Severity
from urlrewrite.raw_response import parse_response


class UsageError(Exception):
    """What the command line asks for cannot be done; the message is for the person who typed it."""


def load_rules(paths: Sequence[str]) -> tuple[RulesInForce, list[Problem]]:
    """The rules of some files, ready to run, and their warnings.

    Raises:
        RuleFileError: a file cannot be used.
    """
    rule_set, warnings = load(paths)
    compiled, more = compile_rules(rule_set)
    return RulesInForce(compiled, Settings()), [*warnings, *more]


def init(options: argparse.Namespace) -> int:
    """Prints a rule file."""
    try:
        text = wizard.reverse_proxy(
            options.public, options.backend, ssl_offload=options.ssl_offload, links=options.links
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    sys.stdout.write(text)
    return 0


def check(options: argparse.Namespace) -> int:
    """Reads and lints rule files and runs their tests."""
    tests = failed = 0
    try:
        rules, problems = load_rules(options.rules)
    except RuleFileError as error:
        problems = list(error.problems)
    else:
        for test in rules.rules.rule_set.tests:
            tests += 1
            name = test.name or f"{test.method} {test.url}"
            faults = [f'test "{name}": {fault}' for fault in rule_tests.run_test(rules, test)]
            failed += bool(faults)
            problems += [Problem(test.source, fault, "UR190") for fault in faults]
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    if options.json:
        print(json.dumps([_finding(problem) for problem in problems], indent=2))
    else:
        for problem in problems:
            print(problem)
        warnings = len(problems) - errors
        print(f"{errors} errors, {warnings} warnings; {tests - failed} of {tests} tests passed")
    return 1 if errors else 0


def explain(options: argparse.Namespace) -> int:
    """Evaluates one request, and its answer if there is one, and prints the trace."""
    rules, _ = load_rules([options.rules])
    response = None
    body = b""
    if options.response:
        try:
            response, body = parse_response(Path(options.response).read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"--response {options.response}: {error}") from error
    try:
        request = rule_tests.request_facts(
            options.method, options.url, tuple(map(_header, options.header)), client=(options.client, 50000)
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    result = rule_tests.evaluate(rules, request, response, body)
    if options.json:
        print(json.dumps(as_json(result), indent=2))
    else:
        print(render(result.exchange.trace.data))
    return 0


def as_json(result: rule_tests.Evaluation) -> dict[str, Any]:
    """The decision, the answer and the trace of one evaluation as one object of JSON values."""
    routing, decision = result.routing, result.exchange.decision
    facts: dict[str, Any] = {"action": str(decision.outcome)}
    match routing:
        case Forward():
            before = result.exchange.request.fields
            added = {name for name, value in routing.fields if (name, value) not in before and name.lower() != "host"}
            headers = {name: ", ".join(field_values(tuple(routing.fields), name)) for name in sorted(added)}
            facts |= {"url": routing.url, "status": None, "location": None}
            facts["headers"] = {"Host": routing.host, **headers}
        case Answer():
            location = next(iter(field_values(tuple(routing.fields), "location")), None)
            if facts["action"] not in ("Redirect", "CustomResponse"):
                facts["action"] = "CustomResponse"
            facts |= {"url": None, "status": routing.status, "location": location, "headers": {}}
        case Abort():
            facts |= {"url": None, "status": None, "location": None, "headers": {}}
    response = None
    if result.status is not None:
        response = {
            "status": result.status,
            "headers": [[name, value] for name, value in result.fields or []],
            "body_base64": base64.b64encode(result.body or b"").decode(),
        }
    return {"decision": facts, "response": response, "trace": result.exchange.trace.events}


def _finding(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.source.file,
        "line": problem.source.line,
        "rule": problem.rule,
        "id": problem.id,
        "severity": str(problem.severity),
        "message": problem.message,
    }


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"-H {text!r}: expected 'Name: value'")
    return name.strip(), value.strip()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="run.sh", description="IIS URL Rewrite for mitmproxy: work on rule files.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("init", help="print a commented rule file for a reverse proxy")
    command.add_argument("--public", required=True, help="the name browsers use, as https://www.example.com")
    command.add_argument("--backend", required=True, help="what is behind it, as http://privateserver:8080")
    command.add_argument(
        "--no-ssl-offload", dest="ssl_offload", action="store_false", help="speak the client's scheme to the backend"
    )
    command.add_argument("--no-links", dest="links", action="store_false", help="leave links in answers alone")
    command.set_defaults(run=init)

    command = commands.add_parser("check", help="read and lint rule files, run their tests")
    command.add_argument("rules", nargs="+", metavar="RULES", help="YAML rule files")
    command.add_argument("--json", action="store_true", help="print the findings as a JSON list")
    command.set_defaults(run=check)

    command = commands.add_parser("explain", help="evaluate a request without any network and print the trace")
    command.add_argument("rules", metavar="RULES", help="a YAML rule file")
    command.add_argument("url", metavar="URL", help="the absolute public URL")
    command.add_argument("--method", "-X", default="GET", help="the request's method (GET)")
    command.add_argument("--header", "-H", action="append", default=[], metavar="'Name: value'", help="a request field")
    command.add_argument("--client", default="127.0.0.1", help="the client's address (127.0.0.1)")
    command.add_argument("--response", metavar="FILE", help="a saved response: status line, fields, blank line, body")
    command.add_argument("--json", action="store_true", help="print decision, response and trace as a JSON object")
    command.set_defaults(run=explain)
    return top


def main(arguments: Sequence[str]) -> int:
    """Runs one sub-command; the exit code."""
    options = parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A trace shows what it is given; a terminal of another charset gets what it can.
        sys.stdout.reconfigure(errors="replace")
    try:
        return int(options.run(options))
    except RuleFileError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except UsageError as error:
        print(f"run.sh: {error}", file=sys.stderr)
    except BrokenPipeError:
        # The reader, `head` perhaps, has seen enough.
        sys.stderr.close()
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
