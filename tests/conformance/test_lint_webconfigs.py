"""What the linter says of real web.config files; each finding has been looked at, and what is not here is clean."""

from __future__ import annotations

from shared_folder import SHARED, needs_shared
from urlrewrite.formats.rule_files import load
from urlrewrite.lint.linter import lint
from urlrewrite.model.problems import RuleFileError

WEB_CONFIGS = SHARED / "conformance" / "webconfigs"

NO_BACKEND = "UR030"
"""Many of the files are of servers that have their pages themselves."""

FINDINGS = {
    "001": "UR145 UR137 UR137 UR162 UR166",
    "002": "UR130 UR171 UR137",
    "004": "UR174",
    "006": "UR137",
    "007": "UR162",
    "011": "UR146",
    "012": "UR146",
    "013": "UR166",
    "015": "UR166",
    "016": "UR165",
    "021": "UR165",
    "022": "UR163",
    "023": "UR145 UR137 UR166",
    "024": "UR150",
    "026": "UR155",
    "028": "UR137 UR172",
    "030": "UR146",
    "036": "UR161",
    "037": "UR171 UR146",
    "044": "UR166",
    "059": "UR152",
    "074": "UR163",
    "083": "UR174",
    "086": "UR166",
    "087": "UR171",
    "089": "UR167",
    "090": "UR155 UR155 UR130",
    "092": "UR155",
    "096": "UR171",
    "100": "UR156",
    "101": "UR156",
    "121": "UR146",
    "122": "UR146",
    "124": "UR174",
    "126": "UR173",
    "132": "UR171 UR144",
    "133": "UR174",
    "137": "UR175",
    "138": "UR175",
    "140": "UR146",
    "156": "UR137",
    "157": "UR139 UR139",
    "158": "UR242",
    "161": "UR152",
    "164": "UR026 UR159 UR159 UR152",
    "165": "UR146",
    "166": "UR146",
    "168": "UR133",
    "169": "UR133",
    "173": "UR167",
    "174": "UR167 UR138 UR167 UR138 UR167 UR167 UR138 UR167",
}
"""File to ids, in the order of the file."""

REFUSED = set("068 098 099 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 128".split())
"""Files that the reader does not take, so that there is nothing to lint."""


@needs_shared("conformance/webconfigs")
def test_findings_in_real_files() -> None:
    found = {}
    refused = set()
    for path in sorted(WEB_CONFIGS.glob("*.xml")):
        try:
            rule_set, _ = load([path])
        except RuleFileError:
            refused.add(path.stem)
            continue
        if problems := [problem for problem in lint(rule_set) if problem.id != NO_BACKEND]:
            found[path.stem] = " ".join(problem.id for problem in problems)
    assert found == FINDINGS
    assert refused == REFUSED
