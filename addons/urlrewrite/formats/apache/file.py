"""Reads the rewriting directives of an Apache configuration, section by section; converts nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from urlrewrite.formats.apache.definitions import Definitions
from urlrewrite.formats.apache.directives import known_directive
from urlrewrite.formats.apache.known import OPTIONS, REPLACED_MODULES, WRITTEN, is_known_directive
from urlrewrite.formats.apache.parts import (
    AliasRedirect,
    Configuration,
    Context,
    Directive,
    Host,
    MapDefinition,
    RewriteCond,
    RewriteRule,
    Scope,
)
from urlrewrite.formats.apache.scopes import is_one_location, pattern_in_location, scope_of
from urlrewrite.formats.apache.strings import (
    parse_condition_pattern,
    parse_rule_pattern,
    parse_template,
)
from urlrewrite.formats.apache.syntax import (
    CONDITION_FLAGS,
    DirectiveError,
    Line,
    logical_lines,
    parse_flags,
    split_words,
)
from urlrewrite.formats.apache.variables import check_variables
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown, suggestion
from urlrewrite.model.origin import WILDCARD


@dataclass(frozen=True, slots=True)
class _Section:
    """An open section.

    Attributes:
        skipped: its directives do not apply, as in `<IfModule !mod_rewrite.c>`.
        foreign: the section in which rewriting cannot be converted, such as `<Location /a>`; "" outside of one.
        doubt: the section whose condition is not known here, such as `<IfDefine X>`; "" outside of one.
        scopes: the sections around that limit what stands in them, this one included.
    """

    name: str
    line: int
    host: Host
    context: Context
    skipped: bool = False
    foreign: str = ""
    doubt: str = ""
    scopes: tuple[Scope, ...] = ()


_SILENCE = re.compile(r"#\s*urlrewrite:\s*silence\s+(UR\d{3}(?:[\s,]+UR\d{3})*)\s*$", re.IGNORECASE)
_STATUS = {"permanent": 301, "temp": 302, "seeother": 303, "gone": 410}
_CARRY_COMMENTS = frozenset(("rewriteengine", "rewritebase", "rewriteoptions", "rewritecond"))
_IN_LOCATION = frozenset(("rewriteengine", "rewritecond", "rewriterule"))
_MAX_RULES = 50_000
_REWRITING = frozenset(
    """rewriteengine rewriterule rewritecond rewritebase rewriteoptions rewritemap redirect redirectmatch
    redirectpermanent redirecttemp""".split()
)


def read_configuration(text: str, report: Report, *, of_directory: bool) -> Configuration:
    """Read a file; problems go into the report. `of_directory` says that it is a `.htaccess`."""
    return _Reader(report, of_directory=of_directory).read(text)


class _Reader:
    def __init__(self, report: Report, *, of_directory: bool) -> None:
        self.report = report
        main = Host(1, Context(1, "" if of_directory else None))
        self.configuration = Configuration(main)
        self.sections = [_Section("", 1, main, main.own)]
        self.conditions: list[RewriteCond] = []
        self.condition_lines: list[int] = []
        self.comments: list[str] = []
        self.rules = 0
        self.definitions = Definitions()

    def read(self, text: str) -> Configuration:
        for line in logical_lines(text):
            try:
                self.line(self.definitions.expanded(line))
            except DirectiveError as fault:
                self.report.error(line.number, ProblemId.APACHE_SYNTAX, str(fault))
        for section in self.sections[1:]:
            message = f"got <{section.name}>, expected </{section.name}> to close it"
            self.report.error(section.line, ProblemId.APACHE_SYNTAX, message)
        self.end_of_conditions()
        return self.configuration

    def line(self, line: Line) -> None:
        text = line.text
        if text.startswith("#"):
            self.comments.append(text.lstrip("#").strip())
            if found := _SILENCE.search(text):
                self.sections[-1].host.silenced += re.split(r"[\s,]+", found[1].upper())
        elif text.startswith("</"):
            self.close(line)
        elif text.startswith("<"):
            self.open(line)
        elif text:
            name = text.split(None, 1)[0].lower()
            if name not in _CARRY_COMMENTS and name not in _REWRITING:
                self.comments.clear()
            if not self.sections[-1].skipped:
                self.directive(line, name)

    def open(self, line: Line) -> None:
        words = split_words(line.text.removeprefix("<").removesuffix(">"))
        if not line.text.endswith(">") or not words:
            raise DirectiveError(f"got {shown(line.text)}, expected a section such as <IfModule mod_rewrite.c>")
        self.end_of_conditions()
        name, around = words[0].lower(), self.sections[-1]
        host, context = around.host, around.context
        skipped, foreign, doubt, scopes = around.skipped, around.foreign, around.doubt, around.scopes
        match name:
            case "ifmodule" if words[1:] and words[1].startswith("!"):
                skipped = True
                if words[1][1:].lower() not in REPLACED_MODULES:
                    doubt, skipped = f"<{line.text[1:-1]}>", around.skipped
            case "ifmodule":
                pass
            case "ifdefine" if len(words) == 2 and (holds := self.definitions.holds(words[1])) is not None:
                skipped = skipped or not holds
            case "ifversion" | "ifdefine" | "iffile" | "ifdirective" | "ifsection":
                doubt = line.text
            case "virtualhost":
                host = Host(line.number, Context(line.number), words[1:], secure=any(":443" in w for w in words[1:]))
                self.configuration.hosts.append(host)
                context, scopes = host.own, ()
            case "directory" if len(words) == 2 and not set(words[1]) & set("*?["):
                context = Context(line.number, words[1])
                host.directories.append(context)
            case _:
                foreign = line.text
                scopes = (*scopes, scope_of(words, line.number, line.text))
        self.sections.append(_Section(words[0], line.number, host, context, skipped, foreign, doubt, scopes))

    def close(self, line: Line) -> None:
        name = line.text.removeprefix("</").removesuffix(">").strip()
        self.end_of_conditions()
        if len(self.sections) == 1 or self.sections[-1].name.lower() != name.lower():
            expected = f"</{self.sections[-1].name}>" if len(self.sections) > 1 else "a section that this closes"
            raise DirectiveError(f"got </{name}>, expected {expected}")
        self.sections.pop()

    def directive(self, line: Line, name: str) -> None:
        section = self.sections[-1]
        if name in _REWRITING:
            if section.foreign and not (
                name in _IN_LOCATION and is_one_location(section.scopes, section.context.directory)
            ):
                message = f"in {section.foreign} nothing can be converted: write it outside, with a RewriteCond instead"
                self.report.error(line.number, ProblemId.APACHE_NOT_CONVERTED, f"got {shown(line.text)}; {message}")
                return
            if section.doubt:
                message = f"what stands in {section.doubt} is taken as if that held"
                self.report.warning(line.number, ProblemId.APACHE_ASSUMED, message)
        words = split_words(line.text)[1:] if name in _HANDLERS else ()
        if handler := _HANDLERS.get(name):
            handler(self, line.number, words)
        elif name in ("define", "undefine"):
            self.definitions.take(line)
        elif found := known_directive(name):
            self.beside(line, found[0])
        elif not is_known_directive(name):
            written = line.text.split(None, 1)[0]
            message = f"got {shown(written)}, expected a directive of Apache{suggestion(written, WRITTEN)}"
            self.report.error(line.number, ProblemId.APACHE_SYNTAX, message)

    def beside(self, line: Line, name: str) -> None:
        """Keep a directive that is not about rewriting."""
        section = self.sections[-1]
        words, directory = split_words(line.text)[1:], section.context.directory
        section.host.beside.append(Directive(line.number, name, words, line.text, section.scopes, directory))

    def take_comment(self) -> str:
        comment = "\n".join(self.comments).strip("\n")
        self.comments.clear()
        return comment

    def end_of_conditions(self) -> None:
        """Warn of conditions that no RewriteRule follows."""
        for line in self.condition_lines:
            message = "got a RewriteCond without a RewriteRule after it in the same section, expected one"
            self.report.warning(line, ProblemId.APACHE_NO_EFFECT, message)
        self.conditions.clear()
        self.condition_lines.clear()

    def engine(self, number: int, words: Sequence[str]) -> None:
        if len(words) != 1 or words[0].lower() not in ("on", "off"):
            raise DirectiveError(f"got RewriteEngine {shown(' '.join(words))}, expected On or Off")
        self.sections[-1].context.engine = words[0].lower() == "on"

    def condition(self, number: int, words: Sequence[str]) -> None:
        # Even a condition with a fault belongs to the next rule.
        self.condition_lines.append(number)
        if not 2 <= len(words) <= 3:
            raise DirectiveError(
                f"got RewriteCond with {len(words)} words, expected a test string, a pattern and flags without blanks"
            )
        flags = parse_flags(words[2], CONDITION_FLAGS) if len(words) == 3 else ()
        pattern = parse_condition_pattern(words[1])
        if words[0].lower() == "expr":
            message = "got an expression, which cannot be converted: write it as RewriteCond with variables"
            self.report.error(number, ProblemId.APACHE_NOT_CONVERTED, message)
            return
        test = parse_template(words[0])
        check_variables(test)
        self.conditions.append(RewriteCond(number, test, pattern, flags))

    def rule(self, number: int, words: Sequence[str]) -> None:
        conditions = tuple(self.conditions)
        self.conditions.clear()
        self.condition_lines.clear()
        comment = self.take_comment()
        self.rules += 1
        if self.rules > _MAX_RULES:
            raise DirectiveError(
                f"got more than {_MAX_RULES} RewriteRules, expected fewer; a RewriteMap may serve better"
            )
        if not 2 <= len(words) <= 3:
            raise DirectiveError(
                f"got RewriteRule with {len(words)} words, expected a pattern, a substitution and flags without blanks"
            )
        flags = parse_flags(words[2]) if len(words) == 3 else ()
        negate, pattern = parse_rule_pattern(words[0])
        substitution = None if words[1] == "-" else parse_template(words[1])
        check_variables(substitution or ())
        if self.sections[-1].scopes:
            pattern = pattern_in_location(self.sections[-1].scopes[0], pattern, negate, substitution or ())
        rule = RewriteRule(number, pattern, negate, substitution, flags, conditions, comment)
        self.sections[-1].context.rules.append(rule)

    def base(self, number: int, words: Sequence[str]) -> None:
        context = self.sections[-1].context
        if len(words) != 1 or not words[0].startswith("/"):
            raise DirectiveError(f"got RewriteBase {shown(' '.join(words))}, expected a path that begins with /")
        if context.directory is None:
            raise DirectiveError("got RewriteBase outside of a directory, expected it in .htaccess or <Directory>")
        context.base = words[0]

    def options(self, number: int, words: Sequence[str]) -> None:
        for word in words:
            if (name := word.partition("=")[0].lower()) not in OPTIONS:
                known = suggestion(word, OPTIONS.values())
                raise DirectiveError(f"got RewriteOptions {shown(word)}, expected one of Apache's{known}")
            self.sections[-1].context.options.add(OPTIONS[name])

    def map(self, number: int, words: Sequence[str]) -> None:
        if len(words) < 2 or ":" not in words[1]:
            raise DirectiveError("got a RewriteMap without a source, expected a name and a source such as txt:/path")
        kind, _, source = words[1].partition(":")
        self.configuration.maps[words[0]] = MapDefinition(number, words[0], kind.lower(), source)

    def redirect(self, number: int, words: Sequence[str], *, regex: bool = False, status: int = 0) -> None:
        rest = list(words)
        first = rest[0].lower() if rest else ""
        if status == 0:
            status = 302
            if first in _STATUS or (first.isascii() and first.isdigit() and len(first) == 3):
                status = _STATUS.get(first) or int(first)
                rest.pop(0)
        wanted = 2 if 300 <= status <= 399 else 1
        if len(rest) != wanted or not (regex or rest[0].startswith("/")):
            raise DirectiveError(
                f"got a redirect {shown(' '.join(words))}, expected a path{' and a URL' if wanted == 2 else ''}"
            )
        target = rest[1] if wanted == 2 else ""
        found = AliasRedirect(number, regex, status, rest[0], target, self.take_comment())
        self.sections[-1].context.redirects.append(found)

    def server_name(self, number: int, words: Sequence[str]) -> None:
        if self.sections[-1].foreign:
            return
        self.sections[-1].host.names += words
        for name in words:
            if set("*?") & set(name.removeprefix(WILDCARD)):
                message = f"got the name {shown(name)}, which is left out: a wildcard is the first label of a name here"
                self.report.warning(number, ProblemId.APACHE_LEFT_OUT, message)

    def document_root(self, number: int, words: Sequence[str]) -> None:
        self.sections[-1].host.document_root = words[0].rstrip("/") if words else ""

    def ssl_engine(self, number: int, words: Sequence[str]) -> None:
        self.sections[-1].host.secure = [word.lower() for word in words] == ["on"]


_HANDLERS: dict[str, Callable[[_Reader, int, Sequence[str]], None]] = {
    "rewriteengine": _Reader.engine,
    "rewritecond": _Reader.condition,
    "rewriterule": _Reader.rule,
    "rewritebase": _Reader.base,
    "rewriteoptions": _Reader.options,
    "rewritemap": _Reader.map,
    "redirect": _Reader.redirect,
    "redirectmatch": lambda reader, number, words: reader.redirect(number, words, regex=True),
    "redirectpermanent": lambda reader, number, words: reader.redirect(number, words, status=301),
    "redirecttemp": lambda reader, number, words: reader.redirect(number, words, status=302),
    "servername": _Reader.server_name,
    "serveralias": _Reader.server_name,
    "documentroot": _Reader.document_root,
    "sslengine": _Reader.ssl_engine,
}
