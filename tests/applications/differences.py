"""What broke in a visit through the proxy that did not break in one without it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from applications.visit import Seen
from e2e.support import leaks


class Kind(StrEnum):
    """How something differs; all but the last are faults."""

    STEP = "step failed"
    FAILED = "request failed"
    STRANGER = "asked the backend's address"
    OUTSIDE = "outside of the path"
    CONSOLE = "console error"
    COOKIE = "cookie lost"
    PROXY = "log of the proxy"
    NAMED = "backend's name"


class Difference(NamedTuple):
    kind: Kind
    what: str


def differences(direct: Seen, proxied: Seen, name: str) -> list[Difference]:
    """Return what is only in the second visit, each once; `name` is what no response may have."""
    return list(dict.fromkeys(_all(direct, proxied, name)))


def _all(direct: Seen, proxied: Seen, name: str) -> Iterator[Difference]:
    for step, why in proxied.steps.items():
        if why and not direct.steps.get(step):
            yield Difference(Kind.STEP, f"{step}: {why}")
    addresses = {each.split(" ")[-1] for each in (*proxied.outside, *proxied.strangers)}
    for kind, before, after in (
        # What went elsewhere is told as such, and not again because it failed there.
        (Kind.FAILED, direct.failed, [each for each in proxied.failed if each.split(" ")[-1] not in addresses]),
        (Kind.STRANGER, direct.strangers, proxied.strangers),
        (Kind.OUTSIDE, [], proxied.outside),
        (Kind.CONSOLE, direct.console, [each for each in proxied.console if not addresses & set(each.split("'"))]),
    ):
        yield from (Difference(kind, each) for each in after if each not in before)
    for step, cookies in proxied.cookies.items():
        for lost in sorted(direct.cookies.get(step, set()) - cookies):
            yield Difference(Kind.COOKIE, f"{lost}, after: {step}")
    yield from (Difference(Kind.NAMED, each) for each in leaks.naming(name, proxied.responses))
