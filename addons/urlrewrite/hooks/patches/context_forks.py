"""Makes the context of a request without a server of its own, which is thrown away at once.

mitmproxy makes a `Server` for each context, with some twenty parts and an id of its own, and puts the one in its place
that the context is to have.
"""

from __future__ import annotations

import logging

from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.context import Context

from urlrewrite.hooks.sources import Internal, changed

logger = logging.getLogger("urlrewrite.contexts")

INTERNALS = (
    Internal(
        "mitmproxy.proxy.context:Context",
        "dd52bbec90eacace",
        "it has a client, options, a server and a list of layers; of a fork only the list is its own",
    ),
)

_own = Context.fork


class ContextForks:
    """Puts our way in place."""

    def load(self, loader: Loader) -> None:
        """Take over, if mitmproxy is as it was."""
        del loader
        if others := changed(INTERNALS):
            logger.warning("contexts are made by mitmproxy's own way, which is slower: %s is new", ", ".join(others))
            return
        Context.fork = fork  # type: ignore[method-assign, assignment]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        Context.fork = _own  # type: ignore[method-assign]


def fork(context: Context) -> Context:
    """Return a context with layers of its own, and the same client, server and options."""
    made: Context = object.__new__(Context)
    made.client, made.options, made.server = context.client, context.options, context.server
    made.layers = context.layers.copy()
    return made
