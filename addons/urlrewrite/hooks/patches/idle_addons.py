"""Asks two of mitmproxy's addons nothing about requests for which they have nothing to say.

The one that shows how to install mitmproxy's certificate would make each request wait for nothing. The one that serves
local files in place of a backend's puts the URL of each request together before it looks whether there are any.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.onboarding import Onboarding
from mitmproxy.http import HTTPFlow

from urlrewrite.hooks.sources import Internal, changed

logger = logging.getLogger("urlrewrite.dispatch")

INTERNALS = (
    Internal(
        "mitmproxy.addons.onboarding:Onboarding", "7e789cf90159a782", "it serves nothing where the option is not set"
    ),
    Internal(
        "mitmproxy.addons.asgiapp:ASGIApp",
        "ebc5e5ad16e82f08",
        "it serves nothing where should_serve says no, as it does for any host but its own",
    ),
    Internal(
        "mitmproxy.http:Request.pretty_host.fget",
        "18fcb94cfadebbe7",
        "it is the host of host_header, or host where there is none",
    ),
    Internal("mitmproxy.addons.maplocal:MapLocal.request", "9dcd11396924f739", "without replacements it does nothing"),
)


class IdleAddons:
    """Puts the questions in place."""

    def load(self, loader: Loader) -> None:
        """Take over, if mitmproxy is as it was."""
        del loader
        if others := changed(INTERNALS):
            logger.warning("addons are asked that have nothing to say, which is slower: %s is new", ", ".join(others))
            return
        onboarding, local = ctx.master.addons.get("onboarding"), ctx.master.addons.get("maplocal")
        if isinstance(onboarding, Onboarding):
            onboarding.request = partial(request_to, onboarding)  # type: ignore[method-assign, assignment]
        if isinstance(local, MapLocal):
            local.request = partial(request_for_file, local)  # type: ignore[method-assign]

    def done(self) -> None:
        """Put mitmproxy's own back."""
        for name in ("onboarding", "maplocal"):
            if addon := ctx.master.addons.get(name):
                vars(addon).pop("request", None)


def request_to(onboarding: Onboarding, flow: HTTPFlow) -> Coroutine[Any, Any, None] | None:
    """Have a request answered by mitmproxy's own pages, if it is for them."""
    asked = flow.request.host_header or flow.request.host
    if onboarding.host in asked and ctx.options.onboarding and onboarding.should_serve(flow):
        return Onboarding.request(onboarding, flow)
    return None


def request_for_file(local: MapLocal, flow: HTTPFlow) -> None:
    """Have a request answered with a local file, if there are any."""
    if local.replacements:
        MapLocal.request(local, flow)
