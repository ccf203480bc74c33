"""RewriteMap: text files become rewrite maps, Apache's own functions become IIS's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from urlrewrite.formats.apache.parts import MapDefinition
from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown, suggestion
from urlrewrite.model import RewriteMap

_FUNCTIONS = {"tolower": "ToLower", "escape": "UrlEncode", "unescape": "UrlDecode"}
_NOT_SAID = {
    "toupper": "IIS has no function for upper case",
    "rnd": "IIS's maps do not choose at random",
    "dbm": "write the keys and values into a text file: httxt2dbm was made from one",
    "prg": "IIS's maps run no programs",
    "dbd": "IIS's maps query no database",
    "fastdbd": "IIS's maps query no database",
}
_RESERVED = frozenset(("tolower", "urlencode", "urldecode", "htmlencode", "r", "c"))
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\-]")
_SCHEMES = "RequestScheme"
_MAX_MAPS = 100


class Maps:
    """Converts `${map:key|default}`, and collects the rewrite maps that this needs.

    A rewrite map of IIS has one default, so a map that is used with several becomes several maps.
    """

    def __init__(self, definitions: Mapping[str, MapDefinition], report: Report, files: FilesRead) -> None:
        self._definitions = definitions
        self._report = report
        self._files = files
        self._entries: dict[str, Mapping[str, str]] = {}
        self._made: dict[tuple[str, str], RewriteMap] = {}

    @property
    def made(self) -> Mapping[str, RewriteMap]:
        """The rewrite maps that the rules use, by name."""
        return MappingProxyType({item.name: item for item in self._made.values()})

    def scheme(self) -> str:
        """Return the template for `http` or `https`: IIS has only `{HTTPS}`, which is `on` or `off`."""
        entries = MappingProxyType({"on": "https", "off": "http"})
        self._made.setdefault((_SCHEMES, ""), RewriteMap(_SCHEMES, entries, source=self._report.source(1)))
        return f"{{{_SCHEMES}:{{HTTPS}}}}"

    def lookup(self, name: str, key: str, default: str, line: int) -> str:
        """Return the template for a lookup; `key` is a template, `default` a text. Problems go into the report."""
        definition = self._definitions.get(name)
        if not definition:
            message = f"got ${{{name}:...}}, expected the name of a RewriteMap{suggestion(name, self._definitions)}"
            self._report.error(line, ProblemId.APACHE_MAP, message)
            return ""
        if definition.type == "int" and (function := _FUNCTIONS.get(definition.source.lower())):
            if function == "UrlEncode":
                message = "int:escape leaves / and some other characters alone, IIS's UrlEncode escapes them too"
                self._report.warning(line, ProblemId.APACHE_NEAREST, message)
            return f"{{{function}:{key}}}"
        if definition.type != "txt":
            self._report.error(
                line, ProblemId.APACHE_MAP, f"the map {shown(name)} is used here, but {_why(definition)}"
            )
            return ""
        if (name, default) not in self._made and len(self._made) == _MAX_MAPS:
            message = f"got more than {_MAX_MAPS} maps with different defaults, expected fewer"
            self._report.error(line, ProblemId.APACHE_MAP, message)
            return ""
        return f"{{{self._text_map(definition, default).name}:{key}}}"

    def tell_of_unused(self) -> None:
        """Warn of unused maps that cannot be converted; the use of such a map is an error, reported there."""
        for definition in self._definitions.values():
            function = definition.type == "int" and definition.source.lower() in _FUNCTIONS
            if definition.type != "txt" and not function:
                message = f"the map {shown(definition.name)} is not converted: {_why(definition)}"
                self._report.warning(definition.line, ProblemId.APACHE_LEFT_OUT, message)

    def _text_map(self, definition: MapDefinition, default: str) -> RewriteMap:
        made = self._made.get((definition.name, default))
        if made is None:
            name = _NOT_IN_NAMES.sub("-", definition.name)
            if name.lower() in _RESERVED or not (name[:1].isalpha() or name.startswith("_")):
                name = f"map-{name}"
            taken = {item.name.lower() for item in self._made.values()}
            copies = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
            name = next(copy for copy in copies if copy.lower() not in taken)
            entries = self._entries.get(definition.name)
            if entries is None:
                entries = self._entries[definition.name] = self._read(definition)
            source = self._report.source(definition.line)
            made = RewriteMap(name, entries, default, ignore_case=False, source=source)
            self._made[definition.name, default] = made
        return made

    def _read(self, definition: MapDefinition) -> Mapping[str, str]:
        folder = Path(self._report.file).absolute().parent
        # The path is that of the server the file comes from; beside the file is where its map will be.
        paths = [folder / definition.source, folder / PurePosixPath(definition.source).name]
        try:
            path = next((path for path in paths if path.is_file()), paths[0])
            text = self._files.read(path, plain=True).decode("utf-8-sig")
        except (OSError, ValueError) as error:
            why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else reason(error)
            message = (
                f"the map {shown(definition.name)}: got no text from {shown(definition.source)} ({why}), expected it"
            )
            self._report.error(definition.line, ProblemId.APACHE_MAP, f"{message} there or beside this file")
            return MappingProxyType({})
        return _entries(text)


def _entries(text: str) -> Mapping[str, str]:
    """Return the value of each key; of several lines with one key the first counts."""
    entries: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) > 1 and not words[0].startswith("#"):
            entries.setdefault(words[0], words[1])
    return MappingProxyType(entries)


def _why(definition: MapDefinition) -> str:
    key = definition.source.lower() if definition.type == "int" else definition.type.partition("=")[0]
    return _NOT_SAID.get(key) or f"Apache has no map of the kind {definition.type}:{definition.source}"
