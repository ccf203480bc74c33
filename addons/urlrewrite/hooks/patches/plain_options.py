"""Gives the value of an option without a copy, where it is one that cannot be changed.

mitmproxy copies the value each time that an option is asked for, so that nobody changes it by the way. Many are asked
for with each event. Numbers, words and None need no copy; lists are copied here, too.
"""

from __future__ import annotations

import logging
from typing import Any

from mitmproxy.addonmanager import Loader
from mitmproxy.optmanager import OptManager, unset

from urlrewrite.hooks.sources import Internal, changed

logger = logging.getLogger("urlrewrite.options")

INTERNALS = (
    Internal(
        "mitmproxy.optmanager:OptManager.__getattr__", "0d9d12b9ca14146e", "it asks the option for its current value"
    ),
    Internal(
        "mitmproxy.optmanager:_Option",
        "eb3f037b6cc43fb7",
        "`current` is a copy of `value`, or of `_default` if that is unset",
    ),
)

_UNCHANGEABLE = frozenset({bool, int, str, type(None)})

_own = OptManager.__getattr__


class PlainOptions:
    """Puts our way to ask in place."""

    def load(self, loader: Loader) -> None:
        """Take over, if mitmproxy is as it was."""
        del loader
        if OptManager.__getattr__ is not _own:
            return
        if others := changed(INTERNALS):
            logger.warning(
                "options are asked for by mitmproxy's own way, which is slower: %s is new", ", ".join(others)
            )
            return
        OptManager.__getattr__ = value_of  # type: ignore[method-assign]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        OptManager.__getattr__ = _own  # type: ignore[method-assign]


def value_of(options: OptManager, name: str) -> Any:
    """Return the value of an option.

    Raises:
        AttributeError: there is no such option.
    """
    option = options._options.get(name)
    if option is None:
        return _own(options, name)  # type: ignore[no-untyped-call]
    value = option._default if option.value is unset else option.value
    return value if type(value) in _UNCHANGEABLE else _own(options, name)  # type: ignore[no-untyped-call]
