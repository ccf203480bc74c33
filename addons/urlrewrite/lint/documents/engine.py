"""The documentation of the ids that the compiler and the command line give."""

from __future__ import annotations

from urlrewrite.lint.registry import document

_NOT_IIS = "Has no such thing."

document(
    "UR110",
    "A pattern that is not valid",
    means="A pattern is invalid at the offset that the message has. `*` alone, or at the beginning, is a Wildcard.",
    iis="500.50 for every request of the site.",
    here="Not loaded; in the mode `iis` every request gets 500.50.",
    write="`.*` for `*`, `\\(` for a literal parenthesis; or `patternSyntax: Wildcard`.",
)
document(
    "UR111",
    "A pattern that is probably a mistake",
    means="The pattern probably does not mean what it seems to.",
    iis="Takes it as ECMAScript does.",
    here="As the message says.",
    write="As the message says.",
)
document(
    "UR120",
    "A reference that is not closed",
    means="`{name:` is opened and never closed.",
    iis="500.50.",
    here="Not loaded; in the mode `iis` every request gets 500.50.",
    write="`{ToLower:{R:1}}`: as many closing braces as opening ones.",
)
document(
    "UR121",
    "An unknown map, provider or function",
    means="`{Name:...}` names neither a rewrite map or provider that is in force here, nor a function.",
    iis="500.50.",
    here="Not loaded; in the mode `iis` every request gets 500.50.",
    write="ToLower, UrlEncode, UrlDecode, HtmlEncode, or the name of a map as it is defined.",
)
document(
    "UR122",
    "A back-reference that is always empty",
    means="`{R:n}` or `{C:n}` has a number that no group of the pattern, or of the conditions, has.",
    iis="Gives an empty text.",
    here="The same.",
    write="`{R:0}` for all that the pattern matches, `{R:1}` for its first `(...)`. Parentheses are counted from the "
    "left.",
)
document(
    "UR123",
    "A server variable that may not be set",
    means="There is a list allowedServerVariables, and the rule sets a variable that is not in it. (Global "
    "rules need no list.)",
    iis="Answers 500.50 when the rule acts.",
    here="In the mode `helpful` it is set; in the mode `iis` the same as there.",
    write='`<add name="..."/>` in `<allowedServerVariables>` of applicationHost.config, the name under '
    "`allowedServerVariables` in YAML. Without any list every variable may be set here; in IIS none may.",
)
document(
    "UR124",
    "A rule without a pattern",
    means="The pattern of an inbound rule is empty or missing.",
    iis="500.50.",
    here="Not loaded; in the mode `iis` every request gets 500.50.",
    write="`.*` for every URL, `^$` for the root.",
)
document(
    "UR125",
    "An unknown preCondition",
    means="A rule names a preCondition that is not in force where the rule is.",
    iis="500.50.",
    here="Not loaded; in the mode `iis` the same as there.",
    write="The name as the message has it; capital i and small L look alike.",
)
document(
    "UR126",
    "Unknown customTags",
    means="A rule names customTags that are not in force where the rule is.",
    iis="500.50.",
    here="Not loaded; in the mode `iis` the same as there.",
    write="The name as it is defined under customTags.",
)
document(
    "UR127",
    "An inherited name given again",
    means="A level inherits a rule, map or preCondition and has one of the same name, without removing the "
    "inherited one.",
    iis="500.19, duplicate collection entry.",
    here="In the mode `helpful` the new one replaces it.",
    write='`<remove name="..."/>` before it, `<clear/>`, or another name.',
)
document(
    "UR128",
    "A rewrite to any host",
    means="The host of a rule's URL can come to any host that a request names: `http://{C:1}/{R:1}` where the "
    "condition takes everything. Whoever sends a request would choose where it is forwarded, into the network behind, "
    "too.",
    iis="Forwards there.",
    here="Not loaded; in the mode `iis` a request to a host that no rule file names gets 502.3. `{HTTP_HOST}` is a "
    "warning where the site has no public names: with them, it is one of these.",
    write="The host itself, a rewrite map, alternatives (`^(app1|app2)/`), or what stands fast of it: a domain behind "
    "the open part (`http://{C:1}.internal.example:8080/`), a name before it (`http://app{R:1}:8080/`). An open port "
    "is no open host.",
)
document(
    "UR190",
    "A test that failed",
    means="A test under `tests:` of a rule file expects something else than what the rules do.",
    iis=_NOT_IIS,
    here="`run.sh check` fails. The rules are loaded all the same when they are served.",
    write="`run.sh explain` with the URL of the test shows what the rules do, step by step.",
)
document(
    "UR191",
    "--public or --backend that fits no site",
    means="`--public` or `--backend` is given, and every site has its own, or more than one lacks it.",
    iis=_NOT_IIS,
    here="The command ends; what is in force stays.",
    write="The addresses in the rule file.",
)
