"""The documentation of the ids that the readers of rule files give."""

from __future__ import annotations

from urlrewrite.lint.registry import document

_REFUSED = "Refuses the configuration: 500.19, or 500.50 where it is found when the rules are read."
_NOT_LOADED = "The rules are not loaded; those that are in force stay."
_NOT_IIS = "Has no such thing."

document(
    "UR001",
    "A file that cannot be read",
    means="A rule file, or a file that it names, is missing, may not be read, is too large, or is not in the encoding "
    "that it says.",
    iis="500.19.",
    here=_NOT_LOADED,
    write="Files in UTF-8, or in UTF-16 with a byte order mark, that this process may read.",
)
document(
    "UR002",
    "Not valid YAML",
    means="The text of a rule file is not well-formed YAML. Often a pattern with `: `, `#`, `{` or `\\` stands without "
    "quotes, or a line is indented by a tab.",
    iis=_NOT_IIS,
    here=_NOT_LOADED,
    write="Patterns and values in single quotes: `'^(\\d+): (.*)$'`.",
)
document(
    "UR003",
    "A list, a mapping or a text in the wrong place",
    means="Something of another kind is expected here; the message says which.",
    iis=_NOT_IIS,
    here=_NOT_LOADED,
    write="As the message says.",
)
document(
    "UR004",
    "Unknown key, element or attribute",
    means="The name is not known in this place, or misspelled; the message has the nearest one.",
    iis="500.19.",
    here="In YAML an error. In XML it is left out with a warning, since such files run on servers that do not look; "
    "but an unknown element in a rule is an error: without one of its conditions it would act on more than it should. "
    "In the mode `iis` every request that the file is for gets 500.19.",
    write="The name as the message has it.",
)
document(
    "UR005",
    "The same key or element twice",
    means="A key or an element that may occur once occurs again.",
    iis="500.19.",
    here=_NOT_LOADED,
    write="One of the two.",
)
document(
    "UR006",
    "Something is missing",
    means="A required key, attribute or element is missing: a rule without `match`, an action without `url`.",
    iis="500.19 for an attribute, 500.50 for a rule without `<match>`.",
    here=_NOT_LOADED,
    write="What the message expects; `match: .*` matches every URL.",
)
document(
    "UR007",
    "Invalid value",
    means="A key or an attribute has a value that it cannot have.",
    iis=_REFUSED,
    here=_NOT_LOADED,
    write="One of the values in the message.",
)
document(
    "UR008",
    "A name given twice",
    means="Two rules, preConditions, maps, sites or public addresses have one name. Names are compared without case.",
    iis='500.19, "Cannot add duplicate collection entry".',
    here=_NOT_LOADED,
    write="Another name for one of them.",
)
document(
    "UR009",
    "Unknown name",
    means="A preCondition, customTags or site of this name does not exist; the message has the nearest name.",
    iis="500.50.",
    here=_NOT_LOADED,
    write="The name as it is spelled where it is defined.",
)
document(
    "UR010",
    "Invalid address",
    means="An origin, a URL, a host with a port or a network is invalid; or a farm has a name that cannot be a host: "
    "no rule can send requests to it (a warning).",
    iis=_NOT_IIS,
    here=_NOT_LOADED,
    write="`https://www.example.com` for an origin (no path), `10.0.0.7:8080` for a host and port, `10.0.0.0/8` for a "
    "network.",
)
document(
    "UR011",
    "A certificate that cannot be used",
    means="The file of `certificate:`, of a site or in `tls:` of a site or farm, is missing, or does not hold a "
    "private key and the certificate that belongs to it, or one of them is damaged; or that of `ca:` holds no "
    "certificate, or a damaged one.",
    iis="Has its certificates in the bindings.",
    here=_NOT_LOADED,
    write="A PEM file with the private key, the certificate, and then its chain. Only the key of a site may "
    "have a passphrase: mitmproxy's option `cert_passphrase`. A site without `certificate:` gets one of mitmproxy's "
    "authority.",
)
document(
    "UR012",
    "Parts that do not go together",
    means="Each part is valid by itself: a Wildcard pattern for whole bodies, for example.",
    iis=_REFUSED,
    here=_NOT_LOADED,
    write="For bodies patternSyntax ECMAScript or ExactMatch; or filterByTags or serverVariable with Wildcard.",
)
document(
    "UR013",
    "Something that has no effect",
    means="Something changes nothing: `url` with the action None, `filterByTags` together with "
    "`serverVariable` (the rule works on the variable only), `customTags` without the flag CustomTags.",
    iis="Ignores it.",
    here="The same.",
    write="One of the two, or two rules.",
)
document(
    "UR014",
    "A directory that does not exist",
    means="`documentRoot`, or the physicalPath of a site in applicationHost.config, is not a directory of this "
    "machine. IsFile and IsDirectory find nothing, and the site's web.config is not read with it.",
    iis="Answers 500.19 for a site without its directory.",
    here="The rules are in force; the conditions are false, or true where they are negated.",
    write="The directory of the site's files, relative to the rule file. What a web.config on another machine says has "
    "to be copied to this one.",
)
document(
    "UR015",
    "Not valid XML",
    means="The text is not well-formed XML, or too deep or too large to be a configuration. Often `&` or `<` of a "
    "pattern is not escaped.",
    iis="500.19.",
    here=_NOT_LOADED,
    write="`&amp;` for `&`, `&lt;` for `<`, `&quot;` for a double quote in an attribute.",
)
document(
    "UR016",
    "A document type declaration",
    means="The XML has a DOCTYPE, which could define entities that read other files or grow without end.",
    iis="500.19.",
    here=_NOT_LOADED,
    write="The file without `<!DOCTYPE ...>`.",
)
document(
    "UR017",
    "Another spelling",
    means="Something is spelled differently than in IIS, and taken for what it plainly means: `preconditions`, "
    '`redirectType="301"`, blanks around a URL.',
    iis="500.19 for most of them.",
    here="Taken as meant; in the mode `iis` 500.19 where the message says so.",
    write="The spelling in the message.",
)
document(
    "UR018",
    "Something that IIS refuses",
    means="IIS does not know it, or not in this place or file, and here it is honoured: `globalRules` in a web.config, "
    "the redirect type 308.",
    iis="500.19.",
    here="Works as it is written; in the mode `iis` 500.19 where the message says so.",
    write="In applicationHost.config what belongs there. If the rules never go back to IIS, silence it in "
    "the rule that it is reported for.",
)
document(
    "UR019",
    "A file that must not be read",
    means="A configuration names a file outside of its own directory, or one that leads back to itself.",
    iis="Reads what its process may read.",
    here=_NOT_LOADED,
    write="Files beside or below the configuration, named relative to it.",
)
document(
    "UR020",
    "Not supported here",
    means="Something of IIS is kept, and written again on export, but not done: a rewrite provider that is a class of "
    ".NET, for example.",
    iis="Does it.",
    here="A provider gives an empty text, and the trace says so each time; for the rest the message says what is left.",
    write="A rewrite map or a FileMapProvider with the same responses.",
)
document(
    "UR021",
    "An unknown directive in a comment",
    means="A comment `urlrewrite: ...` in XML has a word that is not known.",
    iis="Ignores comments.",
    here="Ignored.",
    write="`<!-- urlrewrite: silence UR137 -->` before a rule.",
)
document(
    "UR022",
    "An element in the wrong place",
    means="An element of URL Rewrite stands where IIS does not look for it. In a file that an HTML tool took for a "
    "page, `<match>`, `<add>` and `<action>` are never closed, so that what follows them stands in them.",
    iis="500.19, or it is ignored.",
    here="Left out, or taken where that is plain; the message says which. In the mode `iis` 500.19 where it says so.",
    write="The element where the message says.",
)
document(
    "UR023",
    "Too many problems",
    means="A file has so many problems that the rest of it was not read.",
    iis="Reports the first one only.",
    here=_NOT_LOADED,
    write="Fix what is reported, and check the file again.",
)
document(
    "UR024",
    "A section of IIS that is not done here",
    means="A section beside `<rewrite>` does something in IIS that a proxy of rules does not: it chooses default "
    "documents, adds lifetimes to files, runs handlers and modules. rules/iis.md lists all sections.",
    iis="Does what it says.",
    here="It has no effect.",
    write="What the message says; or nothing, where the backend does it. "
    "`<!-- urlrewrite: silence UR024 -->` before the section keeps it quiet.",
)
document(
    "UR025",
    "An unknown section",
    means="A section is neither one of IIS and .NET that is known here, nor declared in `<configSections>`.",
    iis="500.19, unless a module that is installed there brings it.",
    here="It has no effect.",
    write="The name as the message has it; or nothing, where it is for another program.",
)
