r"""The guides by task: what they show is run as it stands there, in a folder with the files that they show.

A block is told by what stands after its language. "```yaml portal.yaml" is a file. "```sh" is run, and the lines of the
"```text" after it stand in what is printed. "```sh serves" would start a proxy on fixed ports: its arguments are
parsed. "```sh needs ..." is not run.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from mitmproxy.test import taddons

from urlrewrite.cli import main as rule_files
from urlrewrite.cli import serve
from urlrewrite.cli.console import SERVING, WITHOUT_PROXY
from urlrewrite.hooks.options import Options

FOLDER = Path(__file__).parents[2] / "rules" / "guides"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
OTHERS = {"README", "scale", "service", "single-sign-on"}
"""Pages that other tests are about."""

GUIDES = sorted(path for path in FOLDER.glob("*.md") if path.stem not in OTHERS)


class Block(NamedTuple):
    language: str
    about: str
    text: str


def blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for language, about, body in re.findall(r"^```(\w+) ?(.*)\n((?:(?!```).*\n)*)```$", text, re.MULTILINE):
        yield Block(language, about, body)


def run(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints; `> FILE` at its end writes that file."""
    program, command, *words = shlex.split(line)
    assert (program, command in WITHOUT_PROXY) == ("./run.sh", True), line
    file = None
    if ">" in words:
        at = words.index(">")
        words, (file,) = words[:at], words[at + 1 :]
    capsys.readouterr()
    rule_files.main([command, *words])
    printed = capsys.readouterr()
    if file is None:
        return printed.out + printed.err
    Path(file).write_text(printed.out, encoding="utf-8")
    return printed.err


def are_options(words: list[str]) -> None:
    """Each `--set` is for an option of the proxy, with a value that it takes."""
    with taddons.context(Options()) as context:
        for word, value in itertools.pairwise(words):
            if word == "--set":
                context.options.set(value)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_commands_do_what_the_guide_says(
    guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    printed, ran = "", 0
    for block in blocks(guide):
        match block.language, block.about:
            case "sh", "":
                printed = "".join(run(line, capsys) for line in block.text.splitlines())
                ran += 1
            case "sh", "serves":
                for line in block.text.splitlines():
                    words = shlex.split(line)
                    assert words[0] == "./run.sh" and words[1] in SERVING
                    end = words.index("--") if "--" in words else len(words)
                    options = serve.parser().parse_args(words[1:end])
                    assert all(Path(file).exists() for file in options.rules)
                    are_options(words[end + 1 :])
            case "sh", needs:
                assert needs.startswith("needs ")
            case "text", "":
                assert [line for line in block.text.splitlines() if line not in printed] == [], printed
            case _, name:
                assert name, f"a file without a name in {guide.name}"
                Path(name).write_text(block.text, encoding="utf-8")
    assert ran


def test_the_index_names_every_guide() -> None:
    named = {*re.findall(r"\]\(([\w-]+)\.md\)", INDEX)}
    assert named == {path.stem for path in FOLDER.glob("*.md")} - {"README"}


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
