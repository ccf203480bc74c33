"""`prove`: the exported rules against the real server, and what it reports."""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from urlrewrite.cli.arguments import RULES, UsageError, add_overrides, overrides_of
from urlrewrite.cli.proving.nginx import NotProvedError, find_nginx
from urlrewrite.cli.proving.run import OWN_TEST, Task
from urlrewrite.cli.proving.run import prove as run_proof
from urlrewrite.export.judgement import JudgedSite, Verdict, judge
from urlrewrite.export.proof import Agreement, Compared, Proof
from urlrewrite.loading.load import compile_files

_MAX_SHOWN = 20


def add_prove(command: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    command.add_argument("rules", nargs="+", metavar="RULES", help=RULES)
    command.add_argument("--to", required=True, choices=("nginx",), help="the server that is started")
    command.add_argument("--requests", type=int, default=32, metavar="N", help="generated requests for each rule (32)")
    command.add_argument("--plain", action="store_true", help="without njs, as convert --plain writes it")
    command.add_argument("--keep", metavar="DIR", help="keep what the server was started with in DIR")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    add_overrides(command)
    command.set_defaults(run=prove)


def prove(options: argparse.Namespace) -> int:
    """Start the server with the exported rules, ask it and the engine the same, and report in what they differ."""
    compiled, _ = compile_files(options.rules, overrides_of(options))
    judged = judge(compiled)
    if options.requests < 0:
        raise UsageError(f"--requests: got {options.requests}, expected a number from 0")
    try:
        program = find_nginx()
        if options.keep:
            folder = Path(options.keep).absolute()
            folder.mkdir(parents=True, exist_ok=True)
            proof = run_proof(Task(compiled, judged, options.requests, folder, options.plain), program)
        else:
            with tempfile.TemporaryDirectory(prefix="prove-") as name:
                proof = run_proof(Task(compiled, judged, options.requests, Path(name), options.plain), program)
    except NotProvedError as error:
        print(json.dumps({"proved": False, "reason": str(error)}) if options.json else str(error))
        return 1
    if options.json:
        print(json.dumps(_as_json(proof, judged, options.rules), indent=2))
    else:
        for line in _report(proof, judged, options.rules):
            print(line)
        if options.keep:
            print(f"nginx was started with {options.keep}/nginx.conf, which includes urlrewrite.conf; of that, only")
            print("the addresses of listen, of server in upstream, and the files of certificates are other ones.")
    return 0 if proof.holds else 1


def _report(proof: Proof, judged: Sequence[JudgedSite], files: Sequence[str]) -> Iterator[str]:
    judgements = [each for site in judged for each in site.judgements]
    verdicts = Counter(each.verdict for each in judgements)
    own = sum(each.probe.kind == OWN_TEST for each in proof.compared)
    counts = ", ".join(f"{proof.count(each)} {each}" for each in Agreement if proof.count(each))
    yield (
        f"nginx: {', '.join(f'{verdicts[each]} {each}' for each in Verdict)}; "
        f"{own} own tests + {len(proof.compared) - own} generated requests: {counts or 'none asked'}"
    )
    for judged_rule in judgements:
        if (rule := judged_rule.rule).enabled:
            yield f"  {judged_rule.verdict:<12} {proof.hits(rule.name):>5} acted  {rule.name} ({rule.source})"
    for site in judged:
        yield from (f"  {problem}" for problem in site.problems)
    told = list(proof.differences())
    for each in told[:_MAX_SHOWN]:
        yield ""
        yield f"{each.agreement}: {each.probe.kind}" + (f', for the rule "{each.probe.rule}"' * bool(each.probe.rule))
        yield f"  {_curl(each)}"
        yield f"  wanted: {each.want.outcome}"
        yield f"  got:    {each.got}"
        yield f"  {_explain(each, files)}"
    if len(told) > _MAX_SHOWN:
        yield f"and {len(told) - _MAX_SHOWN} more: --json has all"


def _curl(each: Compared) -> str:
    probe = each.probe
    fields = [word for name, value in probe.fields for word in ("-H", f"{name}: {value}")]
    return shlex.join(["curl", "-ski", "--path-as-is", "-X", probe.method, *fields, probe.url])


def _explain(each: Compared, files: Sequence[str]) -> str:
    probe = each.probe
    fields = [word for name, value in probe.fields for word in ("-H", f"{name}: {value}")]
    return shlex.join(["./run.sh", "explain", *files, probe.url, "-X", probe.method, *fields])


def _as_json(proof: Proof, judged: Sequence[JudgedSite], files: Sequence[str]) -> dict[str, Any]:
    return {
        "proved": True,
        "holds": proof.holds,
        "requests": len(proof.compared),
        "counts": {str(each): proof.count(each) for each in Agreement},
        "rules": [
            {
                "name": each.rule.name,
                "file": each.rule.source.file,
                "line": each.rule.source.line,
                "verdict": str(each.verdict),
                "acted": proof.hits(each.rule.name),
                "findings": [{"id": problem.id, "message": problem.message} for problem in each.findings],
            }
            for site in judged
            for each in site.judgements
        ],
        "differences": [
            {
                "class": str(each.agreement),
                "kind": each.probe.kind,
                "rule": each.probe.rule,
                "curl": _curl(each),
                "wanted": str(each.want.outcome),
                "got": str(each.got),
                "explain": _explain(each, files),
            }
            for each in proof.differences()
        ],
    }
