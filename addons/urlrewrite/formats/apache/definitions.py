"""`Define`, what it gives in `${...}`, and whether `<IfDefine>` holds.

(Apache HTTP Server 2.4 documentation, "core", Define; "Configuration Files".)
"""

from __future__ import annotations

import re

from urlrewrite.formats.apache.syntax import Line, split_words

_USED = re.compile(r"\$\{([^${}:]+)\}")


class Definitions:
    """What a file has defined up to a line."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def expanded(self, line: Line) -> Line:
        """Return a line with the values of what is defined; the rest, such as a look-up in a map, stays."""
        if "${" not in line.text:
            return line
        return Line(line.number, _USED.sub(lambda used: self._values.get(used[1], used[0]), line.text))

    def take(self, line: Line) -> None:
        """Take a `Define` or `UnDefine`.

        Raises:
            DirectiveError: the line cannot be split into words.
        """
        directive, *words = split_words(line.text)
        if directive.lower() == "undefine":
            self._values.pop(" ".join(words), None)
        elif words:
            self._values[words[0]] = words[1] if words[1:] else ""

    def holds(self, name: str) -> bool | None:
        """Say whether `<IfDefine name>` holds; None where only the command line of Apache could tell."""
        if name.removeprefix("!") not in self._values:
            return None
        return not name.startswith("!")
