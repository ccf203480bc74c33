"""why.py, page_load.py and chromium.py without a browser: what is refused, which names there are, what ends a start."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from urlrewrite.cli import why
from urlrewrite.cli.arguments import UsageError
from urlrewrite.cli.chromium import find_chromium, running_chromium
from urlrewrite.cli.page_load import resolver_rules
from urlrewrite.cli.preflight import StartError
from urlrewrite.loading.load import load_rules
from urlrewrite.model.origin import Origin

URL = "https://www.example.com/"
RULES = f"public: {URL}\nbackend: http://privateserver:8080\n"
FARM = """
public: https://www.example.com
backend: http://pool
backendNames: ['http://old:81']
farms: {pool: {servers: [{address: one.internal}, {address: 127.0.0.1}]}}
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["RULES"], "expected one absolute URL and rule files"),
        ([URL, URL, "RULES"], "expected one absolute URL and rule files"),
        (["https://other.example/", "RULES"], "expected a page of https://www.example.com"),
        (["https://a b/", "RULES"], "expected an absolute URL of a page"),
        ([URL, "RULES", "--browser", "no-such-program"], "looked for no-such-program): apt-get install chromium"),
        ([URL, "RULES", "--links", "tags", "--connect", "x"], "--connect"),
        ([URL, "missing.yaml"], "missing.yaml"),
    ],
)
def test_what_cannot_be_examined(
    arguments: list[str], told: str, rules: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(why, "find_chromium", lambda named: None if named else sys.executable)
    assert why.main([rules if word == "RULES" else word for word in arguments]) == why.NOT_EXAMINED
    out, err = capsys.readouterr()
    assert not out
    assert told in err


@pytest.mark.parametrize("options", [["--timeout", "0"], ["--timeout", "x"], ["--cookie", "a"], ["--no-such"]])
def test_options_that_mean_nothing(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        why.main([URL, *options])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            RULES,
            "MAP privateserver:8080 ~NOTFOUND, MAP privateserver ~NOTFOUND, MAP www.example.com 127.0.0.1:99",
        ),
        (
            RULES.replace("privateserver", "www.example.com"),
            "MAP www.example.com:8080 ~NOTFOUND, MAP www.example.com 127.0.0.1:99",
        ),
        (
            RULES.replace(URL, "https://*.example.com"),
            "MAP privateserver:8080 ~NOTFOUND, MAP privateserver ~NOTFOUND, MAP *.example.com 127.0.0.1:99, "
            "MAP www.example.com 127.0.0.1:99",
        ),
        (
            FARM,
            "MAP pool:80 ~NOTFOUND, MAP old:81 ~NOTFOUND, MAP pool ~NOTFOUND, MAP old ~NOTFOUND, "
            "MAP one.internal ~NOTFOUND, MAP www.example.com 127.0.0.1:99",
        ),
    ],
)
def test_names_are_as_visitors_have_them(text: str, names: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    compiled, _ = load_rules([file])
    assert resolver_rules(compiled.rule_set, Origin("https", "www.example.com", 443), 99) == names


def test_a_chromium_that_is_named_is_taken() -> None:
    assert find_chromium(sys.executable) == sys.executable
    assert find_chromium("no-such-program") is None


ANSWERS = f"""#!{sys.executable}
import json, os
sent = b""
while part := os.read(3, 4096):
    *messages, sent = (sent + part).split(b"\\0")
    for each in map(json.loads, messages):
        answer = {{"id": each["id"], "result": {{"for": each["method"]}}}}
        for said in ({{"method": "Some.event", "params": {{}}}}, answer):
            os.write(4, json.dumps(said).encode() + b"\\0")
        if each["method"] == "Browser.close":
            raise SystemExit
"""


def program(folder: Path, text: str) -> str:
    file = folder / "browser"
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


async def test_a_browser_is_spoken_to_through_its_pipes(tmp_path: Path) -> None:
    heard: list[object] = []
    async with running_chromium(program(tmp_path, ANSWERS), []) as browser:
        browser.listen = heard.append
        asked = [browser.ask(f"No.{number}", text="x" * 9000) for number in range(20)]
        answers = await asyncio.gather(*asked)
    assert [each["for"] for each in answers] == [f"No.{number}" for number in range(20)]
    assert heard[:20] == [{"method": "Some.event", "params": {}}] * 20


async def test_a_browser_that_does_not_start_is_told_with_its_words(tmp_path: Path) -> None:
    failing = program(tmp_path, "#!/bin/sh\necho 'no display' >&2\nexit 1\n")
    with pytest.raises(StartError, match="does not start\nno display"):
        async with running_chromium(failing, []):
            pass


async def test_a_browser_that_ends_is_told(tmp_path: Path) -> None:
    ends = ANSWERS.replace(
        "        answer =", '        if each["method"] == "Page.navigate":\n            break\n        answer ='
    )
    ends = ends.replace('        if each["method"] == "Browser.close"', '    if each["method"] == "Page.navigate"')
    async with running_chromium(program(tmp_path, ends), []) as browser:
        with pytest.raises(StartError, match="the browser has ended"):
            await browser.ask("Page.navigate")
        with pytest.raises(StartError, match="the browser has ended"):
            await browser.ask("Page.enable")


@pytest.mark.parametrize(
    ("more", "password"),
    [
        ((), ""),
        (("--set=web_password=secret",), "secret"),
        (("--set", "web_password=a=b"), "a=b"),
        (("--set=x=y",), ""),
    ],
)
def test_a_password_of_ones_own_is_the_one_to_ask_with(more: tuple[str, ...], password: str) -> None:
    assert why.own_password(more) == password


def test_a_hash_is_no_password_to_ask_with() -> None:
    with pytest.raises(UsageError, match="the hash of a web_password"):
        why.own_password(["--set=web_password=$argon2id$v=19$m=65536"])
