"""Says whether what a patch takes the place of is still what it was when the patch was written."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

_DIGITS = 16


class Internal(NamedTuple):
    """An internal of mitmproxy, `module:name.name`, the hash of its source, and what is relied on."""

    name: str
    known: str
    relied_on: str


def fingerprint(internal: str) -> str:
    """Return the hash of the source of `module:name.name`.

    Raises:
        OSError: the source is not there.
        AttributeError: mitmproxy has no such thing.
    """
    module, _, names = internal.partition(":")
    found = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return sha256(textwrap.dedent(inspect.getsource(found)).encode()).hexdigest()[:_DIGITS]


def changed(internals: Iterable[Internal]) -> list[str]:
    """Return the names of those that are not as they were, or of which that cannot be told."""
    return [internal.name for internal in internals if _now(internal.name) != internal.known]


def _now(internal: str) -> str | None:
    try:
        return fingerprint(internal)
    except (OSError, TypeError, AttributeError, ImportError):
        return None
