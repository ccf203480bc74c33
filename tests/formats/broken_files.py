"""Rule files with one thing broken: which value of a whole file is taken out, put under a wrong key, or replaced."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from urlrewrite.formats.files_read import FilesRead
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.model.problems import Problem, Severity

type Path_ = list[str | int]
"""Keys and numbers of items that lead to a value."""


def parsed(text: str) -> Any:
    """What an editor makes of a text, by YAML 1.2; keys are texts, as in JSON."""
    return _with_texts_as_keys(YAML(typ="safe", pure=True).load(text))


def _with_texts_as_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_texts_as_keys(item) for key, item in value.items()}
    return [_with_texts_as_keys(item) for item in value] if isinstance(value, list) else value


def written(tree: Any) -> str:
    """The tree as JSON, which is YAML, too."""
    return json.dumps(tree)


def broken(tree: Any, path: Path_, change: str, value: Any = None) -> Any:
    """A copy of a tree in which the value of the path is changed: `gone`, `misspelt` (its key), or `is` this value."""
    tree = deepcopy(tree)
    *above, last = path
    owner = tree
    for step in above:
        owner = owner[step]
    match change:
        case "gone":
            del owner[last]
        case "misspelt":
            owner[f"{last}x"] = owner.pop(last)
        case "is":
            owner[last] = value
    return tree


def errors_of(text: str) -> list[Problem]:
    """What the reader of YAML reports as an error, the file's own problems only."""
    problems: list[Problem] = []
    file = str(Path(__file__).with_name("rules.yaml"))
    yaml_rules.read(text, file, problems, FilesRead())
    return [problem for problem in problems if problem.severity is Severity.ERROR]
