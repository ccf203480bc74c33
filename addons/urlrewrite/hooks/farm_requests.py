"""One request to a farm in the live proxy, from its routing to the cookie that binds its client."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from time import monotonic

from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.proxy import layer

from urlrewrite.exchange.farm_choice import tell_choice, wanted_of
from urlrewrite.exchange.responses import Forward
from urlrewrite.farms.affinity import set_cookie
from urlrewrite.farms.attempts import Attempts
from urlrewrite.farms.choose import Choice, NoServer
from urlrewrite.hooks.farm_queue import ServerWantedHook, Wait
from urlrewrite.hooks.state import Live, State, TlsWanted
from urlrewrite.model import Mode
from urlrewrite.model.farms import Server
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.trace.request_events import REQUEST_QUEUED

NEVER_BIND = "arr-disable-session-affinity"
"""The field by which a backend asks that a client is not bound to it (Azure, application routing)."""


def prepare(flow: http.HTTPFlow, live: Live, state: State, forward: Forward) -> Forward:
    """Make a request ready for a farm: its servers are chosen later, when a connection is made.

    Returns the request as its server gets it, without the cookie that binds the client.
    """
    farm = state.farms.get(forward.farm.name) if forward.farm else None
    if farm is None:
        return forward
    wanted, forward = wanted_of(live.exchange, forward)
    live.attempts = Attempts(farm, wanted, retries=not _is_iis(live))
    live.timeouts = farm.farm.timeouts
    live.forward = forward
    # Not in the flow's metadata, which has to be storable.
    state.attempts[flow.id] = live.attempts
    weakref.finalize(flow, forget, state.attempts, flow.id).atexit = False
    return forward


def forget(attempts: dict[str, Attempts], flow_id: str) -> None:
    """End a request whose flow went without any hook that tells of its end."""
    if left := attempts.pop(flow_id, None):
        left.abandon(monotonic())


def next_server(
    live: Live,
    attempts: Attempts,
    client: Client,
    is_gone: Callable[[], bool],
    known_at: Iterable[tuple[str, int]],
) -> layer.CommandGenerator[Choice | NoServer]:
    """Choose the server that gets the request now, or wait for one.

    `is_gone` says whether the client has taken the request back, and `known_at` is where it has an identity.
    """
    for address in known_at:
        attempts.knows(address)
    found = attempts.next(monotonic())
    if found is NoServer.ALL_FULL:
        began, wait = monotonic(), Wait(attempts, client, is_gone, len(attempts.farm.queue))
        yield ServerWantedHook(wait)
        found, waited = attempts.waited(), round((monotonic() - began) * 1000)
        if wait.had_room:
            farm = attempts.farm.farm.name
            live.exchange.trace.decided(REQUEST_QUEUED, farm=farm, ahead=wait.ahead, milliseconds=waited)
    tell_choice(live.exchange.trace, attempts, found)
    return found


def turn_to_server(request: http.Request, live: Live, server: Server) -> None:
    """Make the request, and the connection that will be asked for, those of a server."""
    assert live.forward is not None
    to = live.forward.at(server)
    # Not by `request.host`, which would rewrite the Host field, too.
    request.data.host, request.data.port = to.connect or (to.origin.host, to.origin.port)
    request.host_header = to.host
    if to.target != live.forward.target:
        request.path = to.target
    for name, value in to.fields:
        if name.lower() in ("origin", "referer"):
            request.headers[name] = value
    live.tls = TlsWanted(to.origin.host, to.tls) if to.origin.scheme == "https" else None


def _is_iis(live: Live) -> bool:
    site = live.exchange.site
    return site is not None and site.mode is Mode.IIS


def bound(live: Live, fields: FieldLines) -> FieldLines:
    """Return the fields of a response with the cookie that binds the client to the server, if it needs a new one."""
    attempts = live.attempts
    if attempts is None or attempts.choice is None or not attempts.choice.binds:
        return fields
    if any(value.strip().lower() == "true" for value in field_values(fields, NEVER_BIND)):
        return fields
    request = live.exchange.request
    cookie = set_cookie(
        attempts.farm.farm.affinity,
        attempts.choice.load.name,
        https=request.scheme == "https",
        arr_domain=request.host.partition(":")[0] if _is_iis(live) else "",
    )
    # A cache must not give one client's cookie to another.
    private = () if field_values(fields, "cache-control") else (("Cache-Control", "private"),)
    return (*fields, ("Set-Cookie", cookie), *private)
