"""What the templates of `run.sh init` are made of: their parameters, checked, and small parts that several share."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from urlrewrite.formats.addresses import parse_named_origin
from urlrewrite.formats.wizards.filling import Value, section_and_tests
from urlrewrite.formats.wording import listed, shown, suggestion
from urlrewrite.model import DEFAULT_PORTS, LinkMode, Origin, RuleTest, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What the user gives to a template; what is not given is empty.

    `action` is one of the template's own words. `entries` are the keys and values of a rewrite map, `example` an
    address with a query, `sample` a text that `pattern` matches.
    """

    public: tuple[str, ...] = ()
    backend: str = ""
    ssl_offload: bool = True
    links: bool = True
    action: str = ""
    map_name: str = ""
    entries: tuple[tuple[str, str], ...] = ()
    block_by: str = ""
    pattern: str = ""
    using: str = ""
    negate: bool = False
    sample: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a template makes: a site with its rules, tests that prove them, and a sentence about both."""

    about: str
    site: Site
    tests: tuple[RuleTest, ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """Where the rules are to work: the public names, the first one being canonical, and the backend."""

    names: tuple[Origin, ...]
    server: Origin

    @property
    def public(self) -> str:
        return str(self.names[0])

    @property
    def backend(self) -> str:
        return str(self.server)

    def draft(self, text: str, about: str, links: LinkMode = LinkMode.EVERYWHERE, /, **values: Value) -> Draft:
        """Make a draft out of the text of that name; its values, beside those given, are `public` and `backend`."""
        section, tests = section_and_tests(text, {"public": self.public, "backend": self.backend, **values})
        return Draft(about, Site(name="site", public=self.names, backend=self.server, links=links, **section), tests)


def publication_of(given: Parameters) -> Publication:
    """Read the addresses among the parameters. Raises ValueError with "public: got X, expected Y"."""
    names = tuple(dict.fromkeys(parse_named_origin("public", text) for text in given.public))
    server = parse_named_origin("backend", given.backend)
    if server in names:
        raise ValueError(f"backend: got {server}, expected another address than the public one")
    return Publication(names, server)


WORDS = {
    "ssl_offload": "no-ssl-offload",
    "links": "no-links",
    "map_name": "map",
    "entries": "entry",
    "block_by": "block-by",
}
"""What messages and the command line call a parameter, where it is not its field's name."""


class MissingError(ValueError):
    """A template needs more parameters; `words` are what they are called."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.words = tuple(WORDS.get(field, field) for field in fields)
        super().__init__(f"missing {', '.join(self.words)}")


def same_scheme(public: Origin, server: Origin) -> Origin:
    """Return the server as it is asked without SSL offloading: by https if the public name is https."""
    if public.scheme != "https" or server.scheme == "https":
        return server
    return replace(server, scheme="https", port=DEFAULT_PORTS["https"] if server.has_default_port else server.port)


def one_of(what: str, text: str, words: Collection[str]) -> str:
    """Return the text if it is one of the words. Raises ValueError with "what: got X, expected Y" if not."""
    if text not in words:
        raise ValueError(f"{what}: got {shown(text)}, expected {listed(words)}{suggestion(text, words)}")
    return text


def printable(what: str, text: str) -> str:
    """Return the text if it has no line ends or other control characters. Raises ValueError otherwise."""
    if not text.isprintable():
        raise ValueError(f"{what}: got {shown(text)}, expected a text on one line")
    return text


_URL_TEXT = re.compile(r"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")


def url_text(what: str, text: str) -> str:
    """Return the text if it may stand in a URL (RFC 3986), without `#`. Raises ValueError otherwise."""
    if not _URL_TEXT.fullmatch(text):
        raise ValueError(
            f"{what}: got {shown(text)}, expected only what a URL has: write other characters as %20, %C3%A9 ..."
        )
    return text


def literal(text: str) -> str:
    """Return a regular expression that matches just this text; IIS Manager leaves out the backslashes."""
    return re.sub(r"[\\^$.|?*+()\[\]{}]", r"\\\g<0>", text)


def authority_pattern(name: Origin) -> str:
    """Return a regular expression for an authority, in which the default port is optional."""
    if name.has_default_port:
        return f"{literal(name.host_text)}(?::{name.port})?"
    return literal(name.authority)
