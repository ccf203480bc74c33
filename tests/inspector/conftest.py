"""For the tests of the inspector: what it finds does not depend on what else the machine has to do."""

from __future__ import annotations

import pytest

from urlrewrite.inspector import broken
from urlrewrite.inspector.pages import broken as page

SECONDS = 600.0


@pytest.fixture(autouse=True)
def time_to_think(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give experiments all the time that they want."""
    monkeypatch.setattr(broken, "MAX_SECONDS", SECONDS)
    monkeypatch.setattr(page, "SECONDS", SECONDS)
