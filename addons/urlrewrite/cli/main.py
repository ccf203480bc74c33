"""The sub-commands of `run.sh` that need no proxy: init, schema, check, explain, convert."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from urlrewrite.cli.arguments import COMMAND, PROGRAM, RULES, UsageError, add_overrides, overrides_of
from urlrewrite.cli.explain import explain_recording, explain_request
from urlrewrite.cli.export import convert_to_nginx
from urlrewrite.cli.progress import progress
from urlrewrite.cli.prove import add_prove
from urlrewrite.engine.compile import CompiledRules
from urlrewrite.exchange import rule_tests
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.rule_files import load
from urlrewrite.formats.wizards.blocking import ANSWERS, BLOCK_BY, SYNTAXES
from urlrewrite.formats.wizards.maps import FLAVOURS
from urlrewrite.formats.wizards.parts import WORDS, MissingError, Parameters
from urlrewrite.formats.wizards.redirects import SLASHES
from urlrewrite.formats.wizards.templates import FORMATS, TEMPLATES, write_template
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.formats.yaml.json_schema import HEADER, schema_text
from urlrewrite.formats.yaml.reference import reference
from urlrewrite.lint.messages import explained, markdown
from urlrewrite.loading.load import compile_files, load_rules
from urlrewrite.loading.overrides import fill_in
from urlrewrite.model.problems import Problem, RuleFileError, Severity


def init(options: argparse.Namespace) -> int:
    """Print a rule file made from a template, or the list of templates."""
    if options.list:
        for name, template in TEMPLATES.items():
            print(f"{name:18} {template.title}")
            words = [*(f"--{WORDS.get(field, field)}" for field in template.needs)]
            words += (f"[--{WORDS.get(field, field)}]" for field in template.takes)
            print(f"{'':18}   --public --backend {' '.join(words)}".rstrip())
        return 0
    given = {field.name: getattr(options, field.name) for field in fields(Parameters)}
    given["public"] = tuple(options.public)
    given["entries"] = tuple(map(tuple, options.entries))
    try:
        text = write_template(options.template, Parameters(**given), options.format)
    except MissingError as error:
        wanted = ", ".join(f"--{word}" for word in error.words)
        raise UsageError(f"the template {options.template} needs {wanted}: see {COMMAND} init --help") from error
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    _write(text if options.format == "xml" else HEADER + text)
    return 0


def schema(options: argparse.Namespace) -> int:
    """Print the JSON Schema of rule files in YAML, or the reference made of the same."""
    _write(reference() if options.reference else schema_text())
    return 0


def check(options: argparse.Namespace) -> int:
    """Read and lint rule files and run their tests; or explain the id of a finding."""
    if options.explain:
        if options.explain == "all":
            _write(markdown())
            return 0
        text = explained(options.explain)
        if text is None:
            raise UsageError(f"--explain: got {options.explain}, expected an id from rules/messages.md, such as UR135")
        print(text)
        return 0
    if not options.rules:
        raise UsageError("got no rule files, expected at least one, or --explain ID")
    tests = failed = 0
    problems: list[Problem] = []
    try:
        compiled, found = load_rules(options.rules, overrides_of(options))
    except RuleFileError as error:
        problems += error.problems
    else:
        problems += found
        rules = _in_force(compiled)
        for test in progress(compiled.rule_set.tests, "test", len(compiled.rule_set.tests)):
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
        passed = f"{tests - failed} of {tests} tests passed" if tests else "no tests"
        print(f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}; {passed}")
    return 1 if errors else 0


def explain(options: argparse.Namespace) -> int:
    """Evaluate one request, or those of a recording, and prints what the rules do."""
    paths = [word for word in options.rules if "://" not in word]
    urls = [word for word in options.rules if "://" in word]
    if options.flow and urls:
        raise UsageError(f"got {urls[0]} and --flow, expected one of them: the recording has the requests")
    if not paths or len(urls) != (0 if options.flow else 1):
        expected = "rule files and one absolute URL, such as https://www.example.com/article/7, or --flow FILE"
        raise UsageError(f"got {' '.join(options.rules)}, expected {expected}")
    if options.flow and options.response:
        raise UsageError("got --response and --flow, expected one of them: the recording has the responses")
    rules = _in_force(compile_files(paths, overrides_of(options))[0])
    if options.flow:
        for text in explain_recording(rules, options.flow, as_json=options.json):
            print(text)
        return 0
    text = explain_request(
        rules,
        urls[0],
        method=options.method,
        headers=options.header,
        client=options.client,
        saved_response=options.response,
        as_json=options.json,
    )
    print(text)
    return 0


def convert(options: argparse.Namespace) -> int:
    """Print the rules of some files as one file of another kind; warnings go to standard error."""
    if options.to == "nginx":
        return convert_to_nginx(options)
    if options.output or options.plain:
        raise UsageError(f"--output and --plain: got --to {options.to}; expected --to nginx")
    if options.site and options.to != "web.config":
        raise UsageError(f"--site: got --to {options.to}, which has all sites; expected --to web.config")
    rule_set, warnings = load(options.rules)
    rule_set = fill_in(rule_set, overrides_of(options))
    more: tuple[Problem, ...] = ()
    try:
        match options.to:
            case "web.config":
                text, more = to_web_config(rule_set, options.site)
            case "applicationHost":
                text, more = to_application_host(rule_set)
            case _:
                text = to_yaml(rule_set)
    except ValueError as error:
        raise UsageError(f"--to {options.to}: {error}") from error
    for problem in (*warnings, *more):
        print(problem, file=sys.stderr)
    _write(text)
    return 0


def _in_force(compiled: CompiledRules) -> RulesInForce:
    return RulesInForce(compiled, Settings(trace_every_rule=True))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _write(text: str) -> None:
    """Print a rule file as UTF-8, whatever the terminal's charset is."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")
    sys.stdout.write(text)


def _finding(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.source.file,
        "line": problem.source.line,
        "rule": problem.rule,
        "id": problem.id,
        "severity": str(problem.severity),
        "message": problem.message,
    }


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog=PROGRAM, description="IIS URL Rewrite for mitmproxy: work on rule files.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    _add_init(commands.add_parser("init", help="print a rule file made from a template of IIS Manager"))

    command = commands.add_parser("schema", help="print the JSON Schema of rule files, for editors")
    command.add_argument("--reference", action="store_true", help="print every key for people: rules/README.md")
    command.set_defaults(run=schema)

    command = commands.add_parser("check", help="read and lint rule files, run their tests")
    command.add_argument("rules", nargs="*", metavar="RULES", help=RULES)
    command.add_argument("--json", action="store_true", help="print the findings as a JSON list")
    command.add_argument("--explain", metavar="ID", help="explain an id, such as UR135, or all; read no file")
    add_overrides(command)
    command.set_defaults(run=check)

    command = commands.add_parser(
        "explain",
        help="show what the rules do with a request or a recording, without any network",
        usage=f"{PROGRAM} explain RULES... URL [OPTIONS]\n"
        f"       {PROGRAM} explain RULES... --flow FILE[:N|:FILTER] [OPTIONS]",
    )
    command.add_argument("rules", nargs="+", metavar="RULES... URL", help=f"{RULES}; then the absolute public URL")
    command.add_argument("--method", "-X", default="GET", help="the request's method (GET)")
    command.add_argument("--header", "-H", action="append", default=[], metavar="'Name: value'", help="a request field")
    command.add_argument("--client", default="127.0.0.1", help="the client's address (127.0.0.1)")
    command.add_argument("--response", metavar="FILE", help="a saved response of the backend, as `curl -i` prints it")
    command.add_argument(
        "--flow",
        metavar="FILE",
        help="requests and responses recorded by mitmproxy (-w) or a browser (HAR): all of FILE, the Nth (FILE:N), or "
        "those of a mitmproxy filter (FILE:'~u /article')",
    )
    command.add_argument("--json", action="store_true", help="print decision, response and trace as JSON")
    add_overrides(command)
    command.set_defaults(run=explain)

    command = commands.add_parser("convert", help="print rule files as a file of IIS, as YAML, or for nginx")
    command.add_argument("rules", nargs="+", metavar="RULES", help=RULES)
    command.add_argument(
        "--to",
        required=True,
        choices=("web.config", "applicationHost", "yaml", "nginx"),
        help="web.config (one site), applicationHost (all sites and the server's settings), yaml (all of it) or nginx",
    )
    command.add_argument("--site", metavar="NAME", help="which site becomes the web.config, where there are several")
    command.add_argument("--output", metavar="DIR", help="where the files for nginx are written")
    command.add_argument("--plain", action="store_true", help="for nginx without njs: odd URLs get 400")
    add_overrides(command)
    command.set_defaults(run=convert)

    add_prove(commands.add_parser("prove", help="start nginx with the exported rules, and compare it with them"))
    return top


def _add_init(command: argparse.ArgumentParser) -> None:
    command.add_argument("--list", action="store_true", help="list the templates and what each needs")
    command.add_argument("--template", default="reverse-proxy", metavar="NAME", help="(default: reverse-proxy)")
    command.add_argument(
        "--format",
        choices=FORMATS,
        default="yaml",
        help="yaml (with tests; the default), xml (a web.config), tests (a rule file with tests for that web.config)",
    )
    command.add_argument(
        "--public",
        action="append",
        default=[],
        metavar="URL",
        help="the name browsers use, such as https://www.example.com; for canonical-host that name, then the others",
    )
    command.add_argument(
        "--backend", default="", metavar="URL", help="the server behind it, such as http://privateserver:8080"
    )
    group = command.add_argument_group("reverse-proxy")
    group.add_argument(
        "--no-ssl-offload", dest="ssl_offload", action="store_false", help="speak the client's scheme to the backend"
    )
    group.add_argument("--no-links", dest="links", action="store_false", help="leave links in responses alone")
    group = command.add_argument_group("rewrite-map, request-blocking, trailing-slash")
    group.add_argument(
        "--action",
        default="",
        metavar="WORD",
        help=f"{' or '.join(FLAVOURS)}; {', '.join(ANSWERS)} or abort; {' or '.join(SLASHES)}",
    )
    group = command.add_argument_group("rewrite-map")
    group.add_argument("--map", dest="map_name", default="", metavar="NAME", help="the name of the map")
    group.add_argument(
        "--entry",
        dest="entries",
        action="append",
        nargs=2,
        default=[],
        metavar=("OLD", "NEW"),
        help="path and query, and what replaces it; may be repeated",
    )
    group = command.add_argument_group("request-blocking")
    group.add_argument("--block-by", default="", metavar="WHAT", help=f"{', '.join(BLOCK_BY)} (default: url)")
    group.add_argument("--pattern", default="", help="what is blocked, such as '*/.git*'")
    group.add_argument("--using", default="", metavar="SYNTAX", help=f"{' or '.join(SYNTAXES)} (default: wildcard)")
    group.add_argument("--negate", action="store_true", help="block what does not match")
    group.add_argument("--sample", default="", metavar="TEXT", help="for the tests: a text that the pattern matches")
    group = command.add_argument_group("user-friendly-url")
    group.add_argument("--example", default="", metavar="URL", help="a page, such as '/article.aspx?id=7&title=spring'")
    command.set_defaults(run=init)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the options; file names and a URL may stand on both sides of an option, unlike in plain argparse."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    if rest and (not hasattr(options, "rules") or any(word.startswith("-") for word in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.rules += rest
    return options


def _ask() -> int:
    # It looks at a page, and starts the proxy: other commands need not wait for all that to be imported.
    from urlrewrite.cli.asking import ask
    from urlrewrite.cli.serve import main as serve

    return ask(serve)


def main(arguments: Sequence[str]) -> int:
    """Run one sub-command and return its exit code: 1 if rules have errors or tests fail, 2 if the command is wrong."""
    if [*arguments] == ["init"] and sys.stdin.isatty() and sys.stdout.isatty():
        return _ask()
    options = _parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A trace may have any character; a terminal of another charset gets `?` for those that it lacks.
        sys.stdout.reconfigure(errors="replace")
    try:
        return int(options.run(options))
    except RuleFileError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except UsageError as error:
        print(f"{PROGRAM} {arguments[0]}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader, `head` perhaps, has seen enough.
        sys.stderr.close()
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
