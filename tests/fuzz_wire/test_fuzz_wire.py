"""A short run of the fuzzer; `./run.sh measure fuzz_wire` runs it for longer and with other seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz_wire.target import Case, fuzzing


@pytest.mark.parametrize("batch", range(2))
async def test_damaged_bytes_and_frames(batch: int, tmp_path: Path) -> None:
    async with fuzzing(tmp_path) as fuzz:
        for first in range(0, 48, 24):
            found = await fuzz.run([Case(f"suite {batch}/{number}") for number in range(first, first + 24)])
            assert not found, "\n".join(found)
