"""mitmweb over many requests: it keeps what it was told to keep, and its memory stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.load import grown, soaking

pytestmark = pytest.mark.e2e

KEPT = 300
LOGGED = "mitmproxy.log.LogEntry"
"""mitmweb keeps the last 10,000 lines of its log, which are more than are written here."""
SWEPT = 300
"""More than what asyncio leaves: it sweeps out timers that were cancelled once they are a hundred, and half of all."""


@pytest.mark.timeout(300)
def test_what_is_alive_does_not_grow_with_the_number_of_requests(tmp_path: Path) -> None:
    with soaking(tmp_path, f"--set=urlrewrite_keep_flows={KEPT}") as soaked:
        soaked.ask(600)
        before = soaked.census()
        soaked.ask(1000)
        after = soaked.census()
    assert after.objects["mitmproxy.http.HTTPFlow"] <= KEPT + 10
    more = {name: counts for name, counts in grown(before, after).items() if counts[1] - counts[0] > SWEPT}
    assert 950 < more.pop(LOGGED, (0, 0))[1] < 1900
    # Tuples, dicts and weak references come and go with what the last flows were.
    assert not {name: counts for name, counts in more.items() if counts[1] > 1.03 * counts[0]}
    assert after.blocks < 1.03 * before.blocks


def test_all_is_kept_if_asked_for(tmp_path: Path) -> None:
    with soaking(tmp_path, "--set=urlrewrite_keep_flows=0") as soaked:
        soaked.ask(200)
        assert soaked.census().objects["mitmproxy.http.HTTPFlow"] >= 200
