"""The page What if, asked as its script asks it: compared, proposed, saved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inspector.exchanges import seen_by
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.pages import what_if
from urlrewrite.inspector.pages.error import PageError
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.loading.load import load_rules

BACKEND = "http://privateserver:8080"
TEXT = """\
# mine
public: https://www.example.com
backend: http://privateserver:8080
links: off
"""
MAPPED = TEXT.replace("off", "everywhere")
PAGE = f"<a href='{BACKEND}/1'>".encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def shown(file: Path) -> Snapshot:
    rules = RulesInForce(load_rules([file])[0], Settings())
    seen = (seen_by(rules, PAGE), replace(seen_by(rules, PAGE), original=None))
    return Snapshot(seen, rules, Statistics(), (str(file),))


def ask(shown: Snapshot, **asked: Any) -> dict[str, Any]:
    data = what_if.data(shown, asked)
    json.dumps(data, allow_nan=False)
    return data


def test_the_files_and_the_state(shown: Snapshot, file: Path) -> None:
    data = ask(shown)
    assert [(item["path"], item["text"]) for item in data["files"]] == [(str(file), TEXT)]
    assert (data["recorded"], data["in_force"]) == (1, shown.rules.fingerprint)  # type: ignore[union-attr]
    assert ask(shown, state="1") == {"in_force": data["in_force"]}


def test_an_edited_text_is_compared(shown: Snapshot, file: Path) -> None:
    data = ask(shown, edited={str(file): MAPPED})
    result = data["result"]
    assert (data["loaded"], data["problems"], result["looked"], result["without"]) == (True, [], 1, 1)
    (change,) = result["changes"]
    assert (change["id"], change["what"], change["url"]) == (
        "flow-1",
        ["fields", "body"],
        "https://www.example.com/page",
    )
    assert [(item["message"], item["place"], item["flow_count"]) for item in result["vanished"]] == [
        (BACKEND, "<a href>", 1)
    ]
    assert file.read_text() == TEXT
    same = ask(shown, edited={})["result"]
    assert (same["changed"], same["vanished"], same["appeared"]) == (0, [], [])


def test_a_text_is_judged_alone_and_says_what_a_word_was_meant_to_be(shown: Snapshot, file: Path) -> None:
    data = ask(shown, edited={str(file): TEXT.replace("links: off", "lniks: off")}, lint=True)
    assert (data["loaded"], data["result"]) == (False, None)
    assert [(item["line"], item["fix"]) for item in data["problems"]] == [(4, ["lniks", "links"])]
    data = ask(shown, edited={str(file): TEXT.replace("off", "everwhere")}, lint=True)
    assert [(item["line"], item["fix"]) for item in data["problems"]] == [(4, ["everwhere", "everywhere"])]
    data = ask(shown, edited={str(file): MAPPED}, lint=True)
    assert (data["loaded"], data["problems"], data["result"]) == (True, [], None)


def test_what_cannot_be_loaded_is_told_with_its_place(shown: Snapshot, file: Path) -> None:
    data = ask(shown, edited={str(file): TEXT.replace("off", "sometimes")})
    assert (data["loaded"], data["result"]) == (False, None)
    assert [(item["file"], item["line"]) for item in data["problems"]] == [(str(file), 4)]


def test_a_proposal_is_put_into_the_text(shown: Snapshot, file: Path) -> None:
    proposed = {"yaml": "links: everywhere\n", "site": "www.example.com"}
    assert ask(shown, propose=proposed, path=str(file), text=TEXT) == {"text": MAPPED}
    for text in ("<configuration/>", "sites: [", ""):
        assert ask(shown, propose=proposed, path=str(file), text=text) == {"text": None}
    assert ask(shown, propose={"yaml": "", "site": ""}, path=str(file), text=TEXT) == {"text": None}


def test_a_proposal_goes_into_the_file_of_its_site(tmp_path: Path) -> None:
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for file in files:
        file.write_text(TEXT.replace("www", file.stem))
    shown = Snapshot((), RulesInForce(load_rules(files)[0], Settings()), Statistics(), tuple(map(str, files)))
    asked = {"propose": {"yaml": "links: everywhere\n", "site": "b"}, "text": TEXT}
    texts = [ask(shown, path=str(file), **asked)["text"] for file in files]
    assert texts == [None, MAPPED]


def test_an_edited_text_is_saved_and_loads(shown: Snapshot, file: Path) -> None:
    stamp = ask(shown)["files"][0]["stamp"]
    saved = ask(shown, save=str(file), text=MAPPED, stamp=stamp)
    assert file.read_text() == MAPPED
    assert saved["fingerprint"] == load_rules([file])[0].rule_set.fingerprint
    # The next one needs the new stamp.
    with pytest.raises(PageError, match="was changed on disk since it was read here"):
        ask(shown, save=str(file), text=TEXT, stamp=stamp)
    assert ask(shown, save=str(file), text=MAPPED, stamp=stamp)["stamp"] == saved["stamp"]
    ask(shown, save=str(file), text=TEXT, stamp=saved["stamp"])
    assert file.read_text() == TEXT


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"save": "/etc/passwd", "text": TEXT}, "expected one of the rule files in force"),
    ({"save": "FOLDER/other.yaml", "text": TEXT}, "expected one of the rule files in force"),
    ({"save": "FOLDER/../FOLDER/rules.yaml", "text": TEXT}, "expected one of the rule files in force"),
    ({"save": "rules.yaml", "text": TEXT}, "expected one of the rule files in force"),
    ({"save": "FILE", "text": TEXT.replace("off", "sometimes")}, "Nothing was saved.*rules.yaml:4: links: got"),
    ({"save": "FILE", "text": ""}, "Nothing was saved"),
    ({"save": "FILE", "text": "\ud800"}, "cannot be saved in the encoding"),
    ({"save": "FILE", "text": "#" * (2**20 + 1)}, "expected at most"),
    ({"save": "FILE", "text": MAPPED, "stamp": "other"}, "was changed on disk"),
    ({"save": "FILE", "text": 3}, "expected the path"),
    ({"save": None, "text": TEXT}, "expected the path"),
    ({"edited": 3}, "expected texts"),
    ({"edited": {"/etc/passwd": "x"}}, "expected one of the rule files in force"),
    ({"edited": {}, "last": "x"}, "last: got x"),
    ({"edited": {}, "last": -1}, "last: got -1"),
    ({"edited": {}, "seconds": 1e9}, "seconds: got"),
    ({"edited": {}, "seconds": float("nan")}, "seconds: got nan"),
    ({"propose": 3, "text": TEXT}, "expected a proposal"),
    ({"propose": {}, "text": 3}, "expected a proposal"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "message"), REFUSED)
def test_what_is_refused(shown: Snapshot, file: Path, asked: dict[str, Any], message: str) -> None:
    names = {"FILE": str(file)}
    stamp = ask(shown)["files"][0]["stamp"]
    given = {
        key: names.get(value, value.replace("FOLDER", str(file.parent))) if isinstance(value, str) else value
        for key, value in ({"stamp": stamp} | asked if "save" in asked else asked).items()
    }
    with pytest.raises(PageError, match=message):
        ask(shown, **given)
    assert file.read_text() == TEXT
    assert [path.name for path in file.parent.iterdir()] == ["rules.yaml"]


def test_a_file_that_cannot_be_written_is_told(shown: Snapshot, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    stamp = ask(shown)["files"][0]["stamp"]
    monkeypatch.setattr("os.open", read_only)
    with pytest.raises(PageError, match="cannot be written: Read-only file system"):
        ask(shown, save=str(file), text=MAPPED, stamp=stamp)


def test_without_rules_in_force_nothing_is_compared(shown: Snapshot, file: Path) -> None:
    with pytest.raises(PageError, match="no rules are in force"):
        ask(replace(shown, rules=None), edited={str(file): MAPPED})
