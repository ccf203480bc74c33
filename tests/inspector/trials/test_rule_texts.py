"""Rule files as texts, edited ones in their place, and saved."""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.inspector.recorded_exchange import Snapshot
from urlrewrite.inspector.trials.edited_rules import load_edited
from urlrewrite.inspector.trials.rule_texts import (
    MAX_LENGTH,
    NotEditable,
    edited_contents,
    rule_paths,
    rule_texts,
    save,
)
from urlrewrite.loading.load import load_rules
from urlrewrite.loading.overrides import parse_overrides

SITE = "public: https://www.example.com\nbackend: http://privateserver:8080\n"
RULE = "rules: [{name: one, match: ^a$, action: {type: Redirect, url: '/b'}}]\n"
XML = """<configuration><system.webServer><rewrite><rules configSource="rules.xml" /></rewrite>
</system.webServer></configuration>
"""
SOURCE = """<rules><rule name="one"><match url="^a$" /><action type="Redirect" url="/%s" /></rule></rules>\n"""
MAP = """<configuration><system.webServer><rewrite>
  <providers><provider name="P" type="FileMapProvider"><settings><add key="FilePath" value="map.txt" /></settings>
  </provider></providers>
  <rules><rule name="one"><match url=".*" /><action type="Redirect" url="{P:{R:0}}" /></rule></rules>
</rewrite></system.webServer></configuration>
"""


def shown(*files: Path) -> Snapshot:
    rules = RulesInForce(load_rules(files)[0], Settings())
    return Snapshot((), rules, Statistics(), tuple(map(str, files)))


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


FORMS = [
    b"# \xc3\xa9\n",
    b"# \xc3\xa9\r\n",
    codecs.BOM_UTF8 + b"# \xc3\xa9\n",
    codecs.BOM_UTF16_LE + "# é\r\n".encode("utf-16-le"),
]


@pytest.mark.parametrize("head", FORMS)
def test_a_file_keeps_its_encoding_and_its_line_ends(tmp_path: Path, head: bytes) -> None:
    codec = "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-8"
    ending = "\r\n" if "\r\n".encode(codec) in head else "\n"
    file = write(tmp_path / "rules.yaml", head + SITE.replace("\n", ending).encode(codec))
    (text,) = rule_texts(shown(file))
    assert text.text is not None
    assert "é" in text.text
    assert "\r" not in text.text
    assert edited_contents(shown(file), {str(file): text.text}) == {}
    (content,) = edited_contents(shown(file), {str(file): f"{text.text}links: off\n"}).values()
    assert content == file.read_bytes() + f"links: off{ending}".encode(codec)


def test_xml_is_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    xml = '<?xml version="1.0" encoding="%s"?>\n<configuration><!-- é --></configuration>\n'
    source = write(tmp_path / "web.config", (xml % "iso-8859-1").encode("latin-1"))
    yaml = write(tmp_path / "rules.yaml", SITE + "webConfig: web.config\n")
    text = rule_texts(shown(yaml))[1]
    assert text.text
    assert "é" in text.text
    changed = edited_contents(shown(yaml), {str(source): text.text.replace("é", "ü")})
    assert changed == {str(source): (xml % "iso-8859-1").replace("é", "ü").encode("latin-1")}
    utf8 = edited_contents(shown(yaml), {str(source): xml % "utf-8"})
    assert utf8[str(source)] == (xml % "utf-8").encode()
    with pytest.raises(NotEditable, match="cannot be saved in the encoding"):
        edited_contents(shown(yaml), {str(source): text.text.replace("é", "€")})
    with pytest.raises(NotEditable, match="cannot be saved in the encoding"):
        edited_contents(shown(yaml), {str(source): xml % "rot13"})


def test_files_that_are_named_can_be_edited_and_others_cannot(tmp_path: Path) -> None:
    source = write(tmp_path / "rules.xml", SOURCE % "b")
    config = write(tmp_path / "web.config", XML)
    yaml = write(tmp_path / "rules.yaml", SITE + "webConfig: web.config\n")
    other = write(tmp_path / "other.yaml", SITE)
    at = shown(yaml)
    assert rule_paths(at) == [str(yaml), str(config), str(source)]
    for path in (str(other), "/etc/passwd", "rules.yaml", str(tmp_path / "x" / ".." / "rules.yaml"), ""):
        with pytest.raises(NotEditable, match="expected one of the rule files in force"):
            edited_contents(at, {path: "links: off"})
        with pytest.raises(NotEditable, match="expected one of the rule files in force"):
            save(at, path, b"", "")


@pytest.mark.parametrize("edited", ["rules.xml", "web.config", "rules.yaml"])
def test_what_a_file_names_is_read_beside_its_edited_text(tmp_path: Path, edited: str) -> None:
    texts = {"rules.xml": SOURCE % "b", "web.config": XML, "rules.yaml": SITE + "webConfig: web.config\n"}
    files = {name: write(tmp_path / name, text) for name, text in texts.items()}
    at = shown(files["rules.yaml"])
    new = {"rules.xml": SOURCE % "c", "web.config": XML + " ", "rules.yaml": texts["rules.yaml"] + "links: off\n"}
    loaded = load_edited(at, {str(files[edited]): new[edited]})
    assert loaded.rules
    (site,) = loaded.rules.rule_set.sites
    assert site.rules[0].action.url == ("/c" if edited == "rules.xml" else "/b")
    assert loaded.rules.rule_set.fingerprint != at.rules.fingerprint  # type: ignore[union-attr]
    assert loaded.rules.rule_set.files == tuple(
        map(str, (files["rules.yaml"], files["web.config"], files["rules.xml"]))
    )
    assert {name: file.read_text() for name, file in files.items()} == texts


def test_a_provider_answers_by_the_edited_file(tmp_path: Path) -> None:
    file = write(tmp_path / "map.txt", "a\t/b\n")
    write(tmp_path / "web.config", MAP)
    yaml = write(tmp_path / "rules.yaml", SITE + "webConfig: web.config\n")
    loaded = load_edited(shown(yaml), {str(file): "a\t/c\n"})
    assert loaded.rules
    assert dict(loaded.rules.rule_set.sites[0].providers["P"].entries) == {"a": "/c"}


def test_errors_have_the_file_and_the_line_of_the_edited_text(tmp_path: Path) -> None:
    source = write(tmp_path / "rules.xml", SOURCE % "b")
    write(tmp_path / "web.config", XML)
    yaml = write(tmp_path / "rules.yaml", SITE + "webConfig: web.config\n")
    loaded = load_edited(shown(yaml), {str(source): "\n" + SOURCE.replace("^a$", "(") % "b", str(yaml): SITE})
    assert loaded.rules is not None
    loaded = load_edited(shown(yaml), {str(source): "\n" + SOURCE.replace("^a$", "(") % "b"})
    assert loaded.rules is None
    assert [(str(problem.source), problem.rule) for problem in loaded.problems] == [(f"{source}:2", "one")]


def test_what_is_on_disk_counts_where_nothing_is_edited(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.yaml", SITE + RULE), tmp_path / "b.yaml"
    write(second, SITE.replace("www", "shop").replace("privateserver", "other"))
    at = shown(first, second)
    edited = {str(first): SITE + RULE.replace("/b", "/c")}
    before = load_edited(at, edited)
    assert load_edited(at, edited) is before
    write(second, second.read_text() + "links: off\n")
    os.utime(second, ns=(1, 1))
    after = load_edited(at, edited)
    assert after is not before
    assert [str(site.links) for site in after.rules.rule_set.sites] == ["everywhere", "off"]  # type: ignore[union-attr]


def test_overrides_count_for_edited_texts(tmp_path: Path) -> None:
    file = write(tmp_path / "rules.yaml", "backend: http://privateserver:8080\nname: x\n")
    overrides = parse_overrides(public=["https://www.example.com"])
    rules = RulesInForce(load_rules([file], overrides)[0], Settings())
    at = Snapshot((), rules, Statistics(), (str(file),), overrides)
    loaded = load_edited(at, {str(file): file.read_text() + "links: off\n"})
    assert loaded.rules
    assert str(loaded.rules.rule_set.sites[0].public[0]) == "https://www.example.com"


def test_saving_is_at_once_and_keeps_the_mode(tmp_path: Path) -> None:
    file = write(tmp_path / "rules.yaml", SITE)
    file.chmod(0o640)
    at = shown(file)
    (text,) = rule_texts(at)
    stamp = save(at, str(file), (SITE + RULE).encode(), text.stamp)
    assert file.read_text() == SITE + RULE
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [text.stamp for text in rule_texts(at)] == [stamp]
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]


def test_what_somebody_else_has_saved_is_not_lost(tmp_path: Path) -> None:
    file = write(tmp_path / "rules.yaml", SITE)
    at = shown(file)
    (text,) = rule_texts(at)
    write(file, SITE + "# mine\n")
    with pytest.raises(NotEditable, match="was changed on disk since it was read here"):
        save(at, str(file), SITE.encode(), text.stamp)
    assert file.read_text() == SITE + "# mine\n"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = write(tmp_path / "real.yaml", SITE)
    link = tmp_path / "rules.yaml"
    link.symlink_to(real)
    at = shown(link)
    save(at, str(link), (SITE + RULE).encode(), rule_texts(at)[0].stamp)
    assert link.is_symlink()
    assert real.read_text() == SITE + RULE


def test_where_nothing_can_be_written_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "rules.yaml", SITE)
    at = shown(file)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(at, str(file), b"x", rule_texts(at)[0].stamp)
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]
    assert file.read_text() == SITE


def test_files_that_cannot_be_edited_say_why(tmp_path: Path) -> None:
    file = write(tmp_path / "rules.yaml", SITE)
    at = shown(file)
    for content, why in (
        (b"\xff", "can't decode byte 0xff"),
        (b"#" * (MAX_LENGTH + 1), "more than 1,048,576 bytes"),
        (None, "it does not exist"),
    ):
        file.unlink()
        if content is not None:
            write(file, content)
        (text,) = rule_texts(at)
        assert text.text is None
        assert why in text.note
        file.touch()
    file.unlink()
    os.mkfifo(file)
    assert "it is not a file" in rule_texts(at)[0].note
    assert rule_texts(replace(at, rules=None))[0].path == str(file)
    with pytest.raises(NotEditable, match="cannot be read: it is not a file"):
        edited_contents(at, {str(file): ""})
