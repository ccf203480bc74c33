"""Pieces of a configuration of nginx: texts, variables and maps, written so that nginx reads what was meant."""

from __future__ import annotations

from collections.abc import Iterable

DOLLAR = "${ur_dollar}"
"""Stands for a dollar in values, which have no other way to write one."""


def text(value: str) -> str:
    """Write a text in quotes, in which nothing is a variable."""
    return quoted(value.replace("$", DOLLAR))


def quoted(value: str) -> str:
    """Write a value in quotes; `${name}` in it is a variable. A line end would end the comment or directive."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def comment(value: str) -> str:
    """Write a text of a rule file into one line of a comment."""
    return "# " + "".join(char if char.isprintable() else " " for char in value)


class Maps:
    """The maps of a configuration, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.longest_key = 0
        self._names: set[str] = set()

    def has(self, name: str) -> bool:
        """Say whether a variable is defined already."""
        return name in self._names

    def add(self, name: str, source: str, rows: Iterable[tuple[str, str]], otherwise: str = "") -> str:
        """Define a variable by a map: a row for each key (an expression if it begins with `~`) with its value.

        `source`, values and `otherwise` may have variables. Returns the variable, `${name}`.
        """
        self._names.add(name)
        lines = [f"map {quoted(source)} ${name} {{"]
        for key, value in rows:
            if not key.startswith("~"):
                self.longest_key = max(self.longest_key, len(key.encode()))
                key = f"\\{key}" if key in ("default", "hostnames", "include", "volatile") else key
            lines.append(f"    {quoted(key)} {quoted(value)};")
        lines += [f"    default {quoted(otherwise)};", "}"]
        self.blocks.append("\n".join(lines))
        return f"${{{name}}}"

    def say(self, line: str) -> None:
        """Put a comment before the next map."""
        self.blocks.append(comment(line))
