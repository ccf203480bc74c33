"""How the texts of the wizards are filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from urlrewrite.formats.wizards import filling
from urlrewrite.formats.wizards.filling import Values

FILLED: list[tuple[str, str, Values, str]] = [
    ("a.yaml", 'a: "@a"\n', {"a": 'x "y" \\'}, 'a: "x \\"y\\" \\\\"\n'),
    ("a.config", '<a b="@b" />\n', {"b": '"<&>"'}, '<a b="&quot;&lt;&amp;&gt;&quot;" />\n'),
    ("a.yaml", "@{a}b @a/c {@a:{D}}\n", {"a": "1"}, "1b 1/c {1:{D}}\n"),
    ("a.yaml", "#if a\nx\n#end a\ny\n", {"a": True}, "x\ny\n"),
    ("a.yaml", "#if a\nx\n#end a\ny\n", {"a": False}, "y\n"),
    ("a.yaml", "#if a\n@a\n#end a\ny\n", {"a": ""}, "y\n"),
    ("a.config", "<?if a?>\n@a\n<?end a?>\ny\n", {"a": "x"}, "x\ny\n"),
    ("a.yaml", "#each a\n@b@c\n#end a\n", {"a": [{"b": "1"}, {"b": "2"}], "c": "3"}, "13\n23\n"),
    ("a.yaml", "#each a\n#if b\n@c\n#end b\n#end a\n", {"a": [{"b": True}, {"b": False}], "c": "3"}, "3\n"),
    ("a.yaml", "#if a\n@a\n#end a\n@a\n", {"a": "@b"}, "@b\n@b\n"),
    ("a.yaml", "#if a\n@a\n#end a\n", {"a": "#end a"}, "#end a\n"),
]


@pytest.mark.parametrize(("file", "text", "values", "expected"), FILLED)
def test_filling(
    file: str, text: str, values: Values, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_TEXTS", tmp_path)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert filling.filled(file, values) == expected


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        filling.filled("lowercase.yaml", {"public": "https://www.example.com"})
