"""What pages were told of scripts and style sheets by `integrity` attributes, and what became of those files.

A page that goes out with the backend's digest of a file is a promise: from then on the file has to stay as it is. A
file that was sent changed before its page comes is known by its new digest (`content/integrity.py` uses both).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from threading import Lock

from urlrewrite.content.canonical_url import canonical_url

MAX_ASSETS = 4096
"""Files of each sort that are remembered; the oldest is forgotten first."""


class AssetMemory:
    """The promises and the changed files, by URL; to be used by several threads.

    It is true for as long as the rules are that the files were rewritten by. Whoever evaluates exchanges beside the
    live proxy uses one of their own.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._promised: dict[str, None] = {}
        self._changed: dict[str, Mapping[str, str]] = {}

    def promise(self, url: str) -> None:
        """Remember that a page was sent with the backend's digest of a file; `url` is canonical."""
        self._keep(self._promised, url, None)

    def is_promised(self, url: str) -> bool:
        """Say whether a file has to stay as it is."""
        return bool(self._promised) and canonical_url(url, "") in self._promised

    def learn(self, url: str, digests: Mapping[str, str]) -> None:
        """Remember that a file was sent changed: the backend's digests of it to those that it has now."""
        self._keep(self._changed, canonical_url(url, ""), digests)

    def changed(self, url: str) -> Mapping[str, str]:
        """Give the backend's digests of a file to those it has now; nothing if it was not seen changed."""
        return self._changed.get(url, {})

    def _keep[Value](self, store: dict[str, Value], url: str, value: Value) -> None:
        with self._lock:
            store.pop(url, None)
            store[url] = value
            for oldest in list(islice(store, max(0, len(store) - MAX_ASSETS))):
                del store[oldest]
