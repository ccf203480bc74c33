"""The farms at work, by name; they outlive a change of the rule files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from urlrewrite.farms.choose import FarmAtWork
from urlrewrite.model.farms import Farm, ServerState


class Registry:
    """Farms by their names in lower case. Times are monotonic seconds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._farms: dict[str, FarmAtWork] = {}

    def __iter__(self) -> Iterator[FarmAtWork]:
        return iter(self._farms.values())

    def update(self, farms: Iterable[Farm], now: float) -> None:
        """Take the farms of the rules that came into force; servers that stay keep their counters and health."""
        before, self._farms = self._farms, {}
        for farm in farms:
            name = farm.name.lower()
            at_work = self._farms[name] = before.get(name) or FarmAtWork(farm, now, self._random)
            if at_work.farm != farm:
                at_work.change(farm, now)

    def get(self, name: str) -> FarmAtWork | None:
        """Return a farm by its name, in any case."""
        return self._farms.get(name.lower())

    def set_states(self, states: Mapping[str, Mapping[str, ServerState]], now: float) -> None:
        """Take what people decided, by farm and address of the server."""
        for farm in self._farms.values():
            farm.set_states(states.get(farm.farm.name, {}))
            farm.serve_queue(now)
