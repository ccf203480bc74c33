"""Real `<rewrite>` sections: each loads and compiles, or is refused with the words that its author needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared_folder import SHARED, needs_shared
from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats import rule_files
from urlrewrite.model.problems import RuleFileError, Severity

FOLDER = SHARED / "conformance" / "webconfigs"
FILES = sorted(FOLDER.glob("*.xml"))

pytestmark = needs_shared("conformance/webconfigs")

NOT_HERE = "names a rewrite map, provider or preCondition that the piece does not contain"
PLACEHOLDER = "has a placeholder where a value belongs"

REFUSED = {
    "003": ("UR110", "offset 2: range out of order", f"{PLACEHOLDER}: [MY-OCTOPUS-FQDN] is a class of characters"),
    "004": ("UR121", "got {ACETONE:...}", f"{NOT_HERE}: the provider is made by an installer"),
    "034": ("UR110", "is a Wildcard pattern", "the regular expression * stops a whole server of IIS, too"),
    "051": ("UR121", "got {OrigServers:...}", NOT_HERE),
    "055": ("UR121", "got {ReplaceProvider:...}", NOT_HERE),
    "068": ("UR022", "expected it in <rules> or <outboundRules>", "a rule outside of every collection"),
    "078": ("UR121", "got {IDtoTitleMap:...}", NOT_HERE),
    "091": ("UR125", "got the preCondition 'set-cookie-is-missing-domain'", NOT_HERE),
    "098": ("UR006", "<add> pattern: got nothing", "a condition without a pattern"),
    "099": ("UR006", "<add> pattern: got nothing", "a condition without a pattern, but with a patternSyntax"),
    "102": ("UR006", "<match> url: got nothing", "a match without a pattern"),
    "103": ("UR006", "<add> input: got nothing", "a condition without an input"),
    "104": ("UR006", "<action> url: got nothing", "a rewrite to nothing"),
    "105": ("UR007", '<action> redirectType: got "foo"', "no value of an enumeration"),
    "106": ("UR007", '<action> type: got "foo"', "no value of an enumeration"),
    "107": ("UR007", '<conditions> logicalGrouping: got "foo"', "no value of an enumeration"),
    "108": ("UR007", '<rule> patternSyntax: got "foo"', "no value of an enumeration"),
    "109": ("UR007", '<add> matchType: got "foo"', "no value of an enumeration"),
    "110": ("UR007", '<rule> enabled: got "foo"', "no boolean"),
    "111": ("UR007", '<rule> stopProcessing: got "foo"', "no boolean"),
    "112": ("UR007", '<match> ignoreCase: got "foo"', "no boolean"),
    "113": ("UR007", '<add> ignoreCase: got "foo"', "no boolean"),
    "114": ("UR007", '<match> negate: got "foo"', "no boolean"),
    "115": ("UR007", '<add> negate: got "foo"', "no boolean"),
    "116": ("UR007", '<conditions> trackAllCaptures: got "foo"', "no boolean"),
    "117": ("UR007", '<action> appendQueryString: got "foo"', "no boolean"),
    "128": ("UR007", '<add> matchType: got "{matchType}"', f"{PLACEHOLDER}: a template of a test"),
}
"""The id of an error, a part of what is printed, and why the piece cannot be used."""


def test_every_refusal_is_of_a_file() -> None:
    assert REFUSED.keys() <= {file.stem for file in FILES}
    assert len(FILES) == 147


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_loads_or_is_refused(file: Path) -> None:
    try:
        rule_set, _ = rule_files.load([file])
        compile_rules(rule_set)
    except RuleFileError as error:
        told = "\n".join(map(str, error.problems))
        assert file.stem in REFUSED, told
        id, part, _ = REFUSED[file.stem]
        errors = [problem for problem in error.problems if problem.severity is Severity.ERROR]
        assert any(problem.id == id and part in str(problem) for problem in errors), told
        assert all(problem.source.line > 0 for problem in errors)
    else:
        assert file.stem not in REFUSED
        assert rule_set.sites
