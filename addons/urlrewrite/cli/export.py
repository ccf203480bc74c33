"""`convert --to nginx`: the files, and what they cannot say."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from urlrewrite.cli.arguments import UsageError, overrides_of
from urlrewrite.export.judgement import WITHOUT_NJS, judge
from urlrewrite.export.nginx.server import PROGRAM, export
from urlrewrite.loading.load import compile_files
from urlrewrite.model.problems import Problem, Severity

CONFIGURATION = "urlrewrite.conf"


def convert_to_nginx(options: argparse.Namespace) -> int:
    """Write the files for nginx, and tell what is not exported; return 1 if a rule or site is not."""
    if not options.plain and not options.output:
        raise UsageError(
            "--to nginx writes two files: name a directory with --output DIR, or do without njs by --plain"
        )
    compiled, warnings = compile_files(options.rules, overrides_of(options))
    judged = judge(compiled)
    exported = export(compiled, judged, plain=options.plain)
    problems = [*warnings, *(problem for site in judged for problem in site.problems)]
    if options.plain:
        for _, entry in exported.without_maps:
            message = "not exported: nginx cannot say it without njs; leave --plain away"
            problems.append(Problem(entry.rule.source, message, WITHOUT_NJS, entry.rule.name))
    for problem in dict.fromkeys(problems):
        print(problem, file=sys.stderr)
    if options.output:
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIGURATION).write_text(exported.configuration, encoding="utf-8")
        if exported.program:
            (folder / PROGRAM).write_text(exported.program, encoding="utf-8")
        print(f"wrote {CONFIGURATION}{f' and {PROGRAM}' if exported.program else ''} to {folder}", file=sys.stderr)
    else:
        sys.stdout.write(exported.configuration)
    return 1 if any(problem.severity is Severity.ERROR for problem in problems) else 0
