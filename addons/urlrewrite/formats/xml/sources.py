"""`configSource`: a section of a configuration in a file of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from urlrewrite.formats.files_read import FilesRead, reason
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown, suggestion
from urlrewrite.formats.xml.nodes import Element, read_tree

KEY = "configSource"


@dataclass(frozen=True, slots=True)
class Written:
    """An element with the report of the file in which it is written."""

    element: Element
    report: Report


def has_source(element: Element) -> bool:
    """Say whether an element has its content in a file of its own."""
    return _key_in(element) is not None


def _key_in(element: Element) -> str | None:
    """Return the attribute as it is written: another letter case is taken as meant."""
    return next((name for name in element.attributes if name.lower() == KEY.lower()), None)


def section_of(element: Element, report: Report, files: FilesRead) -> Written:
    """Return the element, or the one of the file that its `configSource` names.

    The file is beneath the directory of the configuration (`configSource` attribute, .NET Framework configuration
    reference); what leads out of there is refused.
    """
    written = _key_in(element)
    if written is None:
        return Written(element, report)
    if written != KEY:
        message = f"<{element.name}>: got the attribute {written}, expected {KEY}; IIS answers 500.19"
        report.warning(element.line, ProblemId.SPELLING, message, refused=True)
    name = element.attributes[written]
    empty = Written(replace(element, pairs=(), children=(), text=""), report)
    label = f"<{element.name}> {KEY}"
    if element.children or len(element.pairs) > 2:
        message = f"{label}: got it beside other attributes or elements, expected it alone; IIS answers 500.19"
        report.error(element.line, ProblemId.NOT_POSSIBLE, message)
        return empty
    path = _path(name, element, report)
    if path is None:
        return empty
    try:
        content = files.read(path, plain=True)
    except (OSError, ValueError) as error:
        message = f"{label}: got {shown(name)} ({reason(error)}), expected a file that can be read{_near(path)}"
        report.error(element.line, ProblemId.UNREADABLE, message)
        return empty
    own = Report(str(path), report.problems, report.rule)
    root = read_tree(content, own)
    if root is None:
        return empty
    if root.name.casefold() != element.name.casefold():
        message = f"got <{root.name}>, expected <{element.name}>: {report.file} has it as {KEY} of that"
        own.error(root.line, ProblemId.WRONG_KIND, message)
        return empty
    if has_source(root):
        message = f"<{root.name}> {KEY}: got it in a file that is a {KEY} itself, expected none"
        own.error(root.line, ProblemId.UNSAFE_FILE, message)
        return empty
    return Written(replace(root, comments=(*element.comments, *root.comments)), own)


def _path(name: str, element: Element, report: Report) -> Path | None:
    """Return the file that is named; None, and report an error, if it is not beneath the configuration."""
    directory = Path(report.file).parent
    parts = name.replace("\\", "/").split("/")
    inside = bool(name.strip()) and "" not in parts and ".." not in parts and ":" not in name and "\0" not in name
    path = directory.joinpath(*parts) if inside else directory
    # A link may lead out as well.
    if not inside or not path.resolve().is_relative_to(directory.resolve()):
        message = f"<{element.name}> {KEY}: got {shown(name)}, expected a file beneath the directory of {report.file}"
        report.error(element.line, ProblemId.UNSAFE_FILE, message)
        return None
    return path


def _near(path: Path) -> str:
    """Find a name in the same directory that may be meant: Windows compares names without case."""
    try:
        return suggestion(path.name, sorted(item.name for item in path.parent.iterdir()))
    except OSError:
        return ""
