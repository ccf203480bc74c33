"""The rewriting directives of an Apache configuration as they are read, before anything is converted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from urlrewrite.formats.apache.strings import ConditionPattern, Part
from urlrewrite.formats.apache.syntax import Flag, Flags


class NotConverted(Exception):  # noqa: N818 - an outcome
    """A directive that no rules of IIS can express; `line` is its line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class RewriteCond:
    """`RewriteCond test pattern [flags]`."""

    line: int
    test: tuple[Part, ...]
    pattern: ConditionPattern
    flags: Flags

    def has(self, flag: Flag) -> bool:
        return any(found is flag for found, _ in self.flags)


@dataclass(frozen=True, slots=True)
class RewriteRule:
    """`RewriteRule pattern substitution [flags]` with the conditions before it; None stands for `-`."""

    line: int
    pattern: str
    negate: bool
    substitution: tuple[Part, ...] | None
    flags: Flags
    conditions: tuple[RewriteCond, ...]
    comment: str

    def has(self, *flags: Flag) -> bool:
        return any(found in flags for found, _ in self.flags)

    def value(self, flag: Flag) -> str:
        """Return the value of the last such flag, "" without one."""
        return next((value for found, value in reversed(self.flags) if found is flag), "")


@dataclass(frozen=True, slots=True)
class AliasRedirect:
    """A Redirect or, if `regex`, a RedirectMatch; `target` is "" for a status without one."""

    line: int
    regex: bool
    status: int
    path: str
    target: str
    comment: str


class ScopeKind(StrEnum):
    """Sections that limit what stands in them."""

    LOCATION = "Location"
    LOCATION_MATCH = "LocationMatch"
    FILES = "Files"
    FILES_MATCH = "FilesMatch"
    LIMIT = "Limit"
    LIMIT_EXCEPT = "LimitExcept"
    PROXY = "Proxy"
    REQUIRE_ALL = "RequireAll"
    REQUIRE_ANY = "RequireAny"
    REQUIRE_NONE = "RequireNone"
    OTHER = "other"
    """One that no rule can say: `<If>`, `<DirectoryMatch>`, a location with wildcards."""


@dataclass(frozen=True, slots=True)
class Scope:
    """An open section; `text` is how it begins in the file."""

    kind: ScopeKind
    arguments: tuple[str, ...]
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Directive:
    """A directive that is not about rewriting, with the sections in which it stands, from the outermost one.

    `name` is as Apache spells it; `directory` is that of the context, None for the server or virtual host.
    """

    line: int
    name: str
    words: tuple[str, ...]
    text: str
    scopes: tuple[Scope, ...]
    directory: str | None


@dataclass(slots=True)
class Context:
    """The directives of one context: those of a server, for which `directory` is None, or of a directory."""

    line: int
    directory: str | None = None
    engine: bool | None = None
    base: str = ""
    options: set[str] = field(default_factory=set)
    rules: list[RewriteRule] = field(default_factory=list)
    redirects: list[AliasRedirect] = field(default_factory=list)

    @property
    def says_anything(self) -> bool:
        return bool(self.rules or self.redirects)


@dataclass(slots=True)
class Host:
    """The main server or a virtual host."""

    line: int
    own: Context
    addresses: tuple[str, ...] = ()
    names: list[str] = field(default_factory=list)
    secure: bool = False
    document_root: str = ""
    directories: list[Context] = field(default_factory=list)
    beside: list[Directive] = field(default_factory=list)
    """What is not about rewriting."""
    silenced: list[str] = field(default_factory=list)
    """Ids of findings that comments silence."""

    @property
    def contexts(self) -> list[Context]:
        """The contexts that have rules or redirects."""
        return [context for context in (self.own, *self.directories) if context.says_anything]


@dataclass(frozen=True, slots=True)
class MapDefinition:
    """`RewriteMap name type:source`."""

    line: int
    name: str
    type: str
    source: str


@dataclass(slots=True)
class Configuration:
    """A whole file."""

    main: Host
    hosts: list[Host] = field(default_factory=list)
    maps: dict[str, MapDefinition] = field(default_factory=dict)
