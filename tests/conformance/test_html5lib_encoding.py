"""html5lib's cases for finding the encoding of an HTML document (`encoding/*.dat` of its tests)."""

from __future__ import annotations

import pytest

from shared_folder import SHARED, needs_shared
from urlrewrite.content.charset.view import detect

FOLDER = SHARED / "conformance" / "html5lib" / "encoding"

pytestmark = needs_shared("conformance/html5lib/encoding")

# Where no meta is found the tests expect the default of a western browser. Ours is UTF-8 for what is valid UTF-8.
DEFAULT = "windows-1252"

# A meta beyond the bytes that are scanned. A browser goes over to its encoding on meeting it; for the view of a body it
# makes no difference, as a meta can only name encodings of whose bytes ASCII is ASCII, ISO-2022-JP excepted.
DIFFERENT = {
    "tests1-52": DEFAULT,  # behind a comment of 8192 bytes
    "tests1-53": DEFAULT,  # behind a comment of 8193 bytes
    "tests1-54": DEFAULT,  # behind a comment and scripts of 8 kB in all
}


def cases() -> list[tuple[str, bytes, str]]:
    found = []
    for path in sorted(FOLDER.glob("*.dat")):
        for number, case in enumerate(path.read_bytes().split(b"#data\n")[1:], 1):
            data, _, label = case.partition(b"\n#encoding\n")
            found.append((f"{path.stem}-{number}", data, label.split()[0].decode().lower()))
    return found


def test_all_cases_are_read() -> None:
    assert len(cases()) == 81


@pytest.mark.parametrize(("name", "data", "label"), [pytest.param(*case, id=case[0]) for case in cases()])
def test_encoding(name: str, data: bytes, label: str) -> None:
    found = detect(data, None, kind="html")
    assert (DEFAULT if found.source == "default" else found.label) == DIFFERENT.get(name, label)
