"""What people decided about servers of farms, in a file: it outlives a restart, and all workers read the same.

A JSON file beside the rule files, `{"shop": {"app1.lan": "draining"}}`, replaced as a whole. It is small, and looked at
as rule files are: by its stamp.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from urlrewrite.loading.file_stamps import Stamp, stamp
from urlrewrite.model.farms import ServerState

type States = Mapping[str, Mapping[str, ServerState]]
"""Farm -> address of a server -> its state. What is not in it is as the rule file says."""


class ServerStates:
    """The file, and what it said when it was last understood; `fault` says why it cannot be understood now, or "".

    States that could not be written hold here, before what the file says, until a state can be written again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self._stamp: Stamp | None = None
        self._states: dict[str, dict[str, ServerState]] = {}
        self._unwritten: dict[tuple[str, str], ServerState] = {}

    def look(self) -> States:
        """Return what holds now. A file that cannot be understood leaves what was known; none says nothing."""
        found = stamp([str(self.path)])
        if found != self._stamp:
            self._stamp = found
            self.fault = ""
            try:
                self._states = _read(self.path)
            except (OSError, ValueError, AttributeError) as error:
                self.fault = f"{self.path}: got {error}, expected a JSON object of farms, servers and their states"
        return self._with_unwritten()

    def set(self, farm: str, address: str, state: ServerState) -> None:
        """Write the state of a server. It holds for this process even where that fails.

        Raises:
            OSError: the file cannot be written.
        """
        self.look()
        self._unwritten[farm, address] = state
        states = self._with_unwritten()
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, prefix=self.path.name, delete=False) as file:
            try:
                json.dump(states, file, indent=1, sort_keys=True)
                file.flush()
                Path(file.name).replace(self.path)
            except OSError:
                Path(file.name).unlink(missing_ok=True)
                raise
        self._states, self._unwritten = states, {}
        self._stamp, self.fault = stamp([str(self.path)]), ""

    def _with_unwritten(self) -> dict[str, dict[str, ServerState]]:
        states = {name: dict(servers) for name, servers in self._states.items()}
        for (farm, address), state in self._unwritten.items():
            states.setdefault(farm, {})[address] = state
        return states


def _read(path: Path) -> dict[str, dict[str, ServerState]]:
    if not path.exists():
        return {}
    data = json.loads(path.read_text("utf-8"))
    return {
        str(farm): {str(address): ServerState(state) for address, state in servers.items()}
        for farm, servers in data.items()
    }
