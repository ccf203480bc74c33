"""The files around the code agree with each other: versions, what runs in workflows, links of the pages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from urlrewrite import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOW: Any = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "rules").glob("*.md"), *(ROOT / ".github").rglob("*.md")]
PAGES.append(ROOT / "addons" / "README.md")


def test_the_changelog_has_this_version_first() -> None:
    releases = re.findall(r"^## (\d+\.\d+\.\d+) \(\d+ \w+ \d{4}\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert releases[0] == __version__


def test_workflows_run_every_python_from_the_oldest_one() -> None:
    versions = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert versions == ["3.12", "3.13", "3.14"]


def test_workflows_call_commands_that_there_are() -> None:
    steps = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    commands = {word for step in steps for word in re.findall(r"\./run\.sh (\w+)", step)}
    script = (ROOT / "run.sh").read_text(encoding="utf-8")
    assert commands == {"test", "lint"}
    assert all(f"    {command})" in script for command in commands)
    for hook in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]:
        assert hook["entry"] == "./run.sh lint"


def test_what_the_package_needs_is_what_is_pinned() -> None:
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").lower()
    names = [re.match(r"[\w-]+", text)[0].lower() for text in PROJECT["project"]["dependencies"]]  # type: ignore[index]
    assert [name for name in names if f"\n{name}==" not in pinned] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_pages_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
