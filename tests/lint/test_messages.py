"""Every id that the code gives is documented, and rules/messages.md says what the registry says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from urlrewrite.cli.main import main
from urlrewrite.lint.messages import explained, markdown
from urlrewrite.lint.registry import DOCUMENTS, document

ROOT = Path(__file__).parents[2]
IDS = {
    id
    for path in (ROOT / "addons" / "urlrewrite").rglob("*.py")
    for id in re.findall(r"[\"'](UR\d{3})[\"']", path.read_text(encoding="utf-8"))
}


def test_every_id_of_the_code_is_documented() -> None:
    assert set(DOCUMENTS) == IDS


def test_messages_md_is_what_the_registry_says() -> None:
    printed = (ROOT / "rules" / "messages.md").read_text(encoding="utf-8")
    assert printed == markdown(), "run: ./run.sh check --explain all > rules/messages.md"


@pytest.mark.parametrize("entry", DOCUMENTS.values(), ids=lambda entry: entry.id)
def test_an_entry_says_all_four_things(entry) -> None:
    for text in (entry.means, entry.iis, entry.here, entry.write):
        assert text.strip() == text
        assert text.endswith((".", ")"))
        assert text.count("`") % 2 == 0
    assert not entry.title.endswith(".")


def test_an_id_is_documented_once() -> None:
    with pytest.raises(ValueError, match="UR135 is documented twice"):
        document("UR135", "again", means="", iis="", here="", write="")


def test_check_explains_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--explain", "ur135"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("UR135  A leading slash that can never match\n")
    assert "Write:" in out
    assert main(["check", "--explain", "all"]) == 0
    assert capsys.readouterr().out == markdown()
    assert explained("UR999") is None
    assert main(["check", "--explain", "UR999"]) == 2
    assert "expected an id" in capsys.readouterr().err
    assert main(["check"]) == 2
    assert "got no rule files" in capsys.readouterr().err
