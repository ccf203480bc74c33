"""The folder `shared` beside the repository, with cases and pages of others that are not ours to publish.

Most people have none, and no command installs it. So the tests that read it are skipped by name where it is not, and
that is no failure in CI either (see `conftest.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
ABSENT = "nothing installs what stands beside the repository, which has no shared/"


def needs_shared(*parts: str) -> pytest.MarkDecorator:
    """A mark that skips a test unless these are in the folder."""
    missing = [part for part in parts if not (SHARED / part).exists()]
    return pytest.mark.skipif(bool(missing), reason=ABSENT + " and ".join(missing))
