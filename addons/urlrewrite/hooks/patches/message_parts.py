"""Looks fields of a message up in one pass over its lines, and sees at a glance that its parts are of their types.

mitmproxy's `Headers` is a mapping of Python's own on top of a table of its own: a question goes through six functions,
and a request asks about fifty. Each message compares the parts that it is made of with what is declared, by a function
that could do so for any option.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, get_args

from mitmproxy.addonmanager import Loader
from mitmproxy.http import Headers, MessageData

from urlrewrite.hooks.sources import Internal, changed

logger = logging.getLogger("urlrewrite.messages")

INTERNALS = (
    Internal(
        "mitmproxy.http:Headers",
        "947aa0298abd4010",
        "names are texts or bytes, in any case; several values are joined by commas",
    ),
    Internal("mitmproxy.http:_native", "0ba4541fc6fa15ce", "values are UTF-8, other bytes are surrogates"),
    Internal("mitmproxy.http:_always_bytes", "1f256dc3d66394a0", "texts become bytes in the same way"),
    Internal(
        "mitmproxy.coretypes.multidict:_MultiDict",
        "9d8341c83747569d",
        "a field that is not there is a KeyError with its name",
    ),
    Internal("mitmproxy.coretypes.multidict:MultiDict", "c5fd61b78bd9a2e7", "it adds nothing to a question"),
    Internal(
        "mitmproxy.http:MessageData", "bad2ea9a351a70d6", "after it is made it only compares the types of its parts"
    ),
    Internal("mitmproxy.utils.typecheck:check_option_type", "b60e47c7091fa795", "an integer may stand for a float"),
)


class MessageParts:
    """Puts ours in place."""

    def load(self, loader: Loader) -> None:
        """Take over, if mitmproxy is as it was."""
        del loader
        if is_in_place():
            return
        if others := changed(INTERNALS):
            logger.warning("messages are read by mitmproxy's own way, which is slower: %s is new", ", ".join(others))
            return
        for owner, ours in _OURS.items():
            for name, function in ours.items():
                setattr(owner, name, function)

    def done(self) -> None:
        """Put mitmproxy's own back."""
        if not is_in_place():
            return
        for owner, ours in _OURS.items():
            for name in ours:
                if name in _OWN[owner]:
                    setattr(owner, name, _OWN[owner][name])
                else:
                    delattr(owner, name)


def is_in_place() -> bool:
    """Say whether ours are in place."""
    return vars(Headers).get("get") is get


def get_all(headers: Headers, name: str | bytes) -> list[str]:
    """Return the values of all lines of a name."""
    if type(name) is str:
        key = name.encode("utf-8", "surrogateescape").lower()
    elif type(name) is bytes:
        key = name.lower()
    else:
        return _own_get_all(headers, name)
    size = len(key)
    return [
        value.decode("utf-8", "surrogateescape")
        for each, value in headers.fields
        if len(each) == size and each.lower() == key
    ]


def getitem(headers: Headers, key: str | bytes) -> str:
    """Return the value of a field, with those of several lines joined.

    Raises:
        KeyError: there is no such field.
    """
    values = headers.get_all(key)
    if not values:
        raise KeyError(key)
    return ", ".join(values)


def get(headers: Headers, key: str | bytes, default: Any = None) -> Any:
    """Return the value of a field, or the default."""
    values = headers.get_all(key)
    return ", ".join(values) if values else default


def contains(headers: Headers, key: str | bytes) -> bool:
    """Say whether there is a field."""
    return bool(headers.get_all(key))


def init(headers: Headers, fields: Iterable[tuple[bytes, bytes]] = (), **more: Any) -> None:
    """Take field lines.

    Raises:
        TypeError: a name or a value is not bytes.
    """
    lines = tuple(map(tuple, fields))
    if more or not all(type(name) is bytes and type(value) is bytes for name, value in lines):
        _own_init(headers, lines, **more)
    else:
        headers.fields = lines  # type: ignore[assignment]


def check(message: MessageData) -> None:
    """Compare the parts of a message with their types.

    Raises:
        TypeError: one is of another type.
    """
    for name, types in _types(type(message)):
        if type(getattr(message, name)) not in types:
            # It may still be one of a class below.
            _own_check(message)
            return


@cache
def _types(kind: type[MessageData]) -> tuple[tuple[str, frozenset[type]], ...]:
    """Return the names of the parts and the types that each may be of."""
    return tuple((field.name, frozenset(get_args(field.type) or (field.type,))) for field in fields(kind))


_own_get_all = Headers.get_all
_own_init: Any = Headers.__init__
_own_check: Any = getattr(MessageData, "__post_init__", None)

_OURS: Mapping[type, Mapping[str, Any]] = {
    Headers: {"__init__": init, "get_all": get_all, "__getitem__": getitem, "get": get, "__contains__": contains},
    # Without assertions (`-O`) mitmproxy compares nothing.
    MessageData: {"__post_init__": check} if _own_check else {},
}
_OWN = {owner: dict(vars(owner)) for owner in _OURS}
