"""An addon for the soak: counts what is alive in its process, whenever it gets the signal SIGUSR1.

It writes one line of JSON a signal into the file of the option `census_file`, the first one when it is running:
`{"pid": N, "rss": bytes, "blocks": N, "objects": {type: count}}`. Blocks are Python's own, of all objects; of the
objects only those are told that the garbage collector knows.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

_FEWEST = 20
"""Types of fewer objects are not told."""


class Census:
    """Counts."""

    def load(self, loader: Loader) -> None:
        loader.add_option("census_file", str, "", "Where the census is written to.")

    def running(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.count)
        self.count()

    def count(self) -> None:
        gc.collect()
        objects = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
        told = {
            "pid": os.getpid(),
            "rss": int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            "blocks": sys.getallocatedblocks(),
            "objects": {name: count for name, count in objects.most_common() if count >= _FEWEST},
        }
        with Path(ctx.options.census_file).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(told)}\n")


addons = [Census()]
