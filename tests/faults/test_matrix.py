"""The matrix in a shortened form: every fault under every rule set and for every version, but not in every pair.

`./run.sh measure faults` tries all of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.asking import CLIENTS
from faults.matrix import RULE_SETS, faults, tries


def test_each_fault_has_a_name_of_its_own() -> None:
    names = [(fault.kind, fault.name) for fault in faults()]
    assert len(names) > 250
    assert len({*names}) == len(names)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("rule_set", RULE_SETS)
async def test_faults(rule_set: str, tmp_path: Path) -> None:
    first, versions = [*RULE_SETS].index(rule_set), [*CLIENTS]
    all_faults = faults()
    chosen = {number: [versions[(first + number) % len(versions)]] for number in range(len(all_faults))}
    different = [
        f"{tried.cell}: {'; '.join(tried.differences)}"
        async for some in tries(rule_set, tmp_path, chosen, all_faults)
        for tried in some
        if tried.differences
    ]
    assert not different, "\n".join(different)
