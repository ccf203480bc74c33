"""The matrix in a shortened form: every fault under two of the rule sets, for one version each.

`./run.sh measure faults` tries all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.asking import CLIENTS
from faults.matrix import RULE_SETS, faults, seen, tries
from faults.nginx import differs, explained, opinions

_LEFT_OUT = ("codings", "statuses", "interim")
"""Kinds of which nginx has few opinions."""


def test_each_fault_has_a_name_of_its_own() -> None:
    names = [(fault.kind, fault.name) for fault in faults()]
    assert len(names) > 250
    assert len({*names}) == len(names)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("rule_set", RULE_SETS)
async def test_faults(rule_set: str, tmp_path: Path) -> None:
    first, versions = [*RULE_SETS].index(rule_set), [*CLIENTS]
    all_faults = faults()
    # Of one kind of fault, every rule set and every version come in turn.
    chosen = {
        number: [versions[(first + number // 2) % len(versions)]]
        for number in range(len(all_faults))
        if number % 2 == first % 2
    }
    different = [
        f"{tried.cell}: {'; '.join(tried.differences)}"
        async for some in tries(rule_set, tmp_path, chosen, all_faults)
        for tried in some
        if tried.differences
    ]
    assert not different, "\n".join(different)


async def test_nginx_agrees_or_is_known_not_to(require: Callable[..., None], tmp_path: Path) -> None:
    require("nginx")
    all_faults, known = faults(), explained()
    assert known.keys() <= {fault.title for fault in all_faults}
    quick = [number for number, fault in enumerate(all_faults) if not (fault.waits or fault.kind in _LEFT_OUT)]
    unexplained = [
        f"{all_faults[number].title}: {seen(got)}"
        async for number, got in opinions(all_faults, quick, tmp_path)
        if differs(all_faults[number], got) and all_faults[number].title not in known
    ]
    assert not unexplained, "\n".join(unexplained)
