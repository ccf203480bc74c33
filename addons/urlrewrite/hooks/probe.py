"""The probe: what browsers say of the pages that they got, for the clients that are asked, and for nobody else.

With the option `urlrewrite_probe`, pages get a script that reports what the browser refuses (`witness/`). The reports
come to an address below the public name that nobody can guess; they are answered here, and no backend ever gets one. In
the flow stays what the browser got, and beside it the page as it is, which is what the inspector examines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, WeakSet

from mitmproxy import ctx, http
from mitmproxy.log import ALERT

from urlrewrite.content.coding.codings import CorruptCoding, DecodedTooLarge, parse_content_encoding
from urlrewrite.exchange.responses import LocalResponse, plain_response
from urlrewrite.hooks.at_once import begins_at_once
from urlrewrite.hooks.outbound import THREAD_FROM
from urlrewrite.hooks.probed_copy import keep_page
from urlrewrite.hooks.state import State, Stream
from urlrewrite.hooks.streamed_body import PieceByPiece
from urlrewrite.hooks.trace_header import TraceAsked
from urlrewrite.hooks.translate import apply_response, field_lines, headers
from urlrewrite.inspector.diagnose.exchange_case import site_and_public_name
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.model.origin import origin_of
from urlrewrite.witness.pages import copy_fields, declared_charset, unwatched
from urlrewrite.witness.policies import let_in
from urlrewrite.witness.reporting import reporting_fields
from urlrewrite.witness.script import HASH, element
from urlrewrite.witness.splicing import Splice
from urlrewrite.witness.statements import MAX_BODY, from_data, read
from urlrewrite.witness.watched import ROOT

if TYPE_CHECKING:
    from urlrewrite.hooks.inspector_pages import Act

logger = logging.getLogger("urlrewrite.probe")

_FROM_AFAR = ("forwarded", "x-forwarded-for", "via")
"""Fields of requests that another proxy on this machine passes on for somebody else."""


class ProbeReports:
    """The addon that knows who is watched, and takes their reports.

    To be registered after `TraceAsked` and before `Inbound`. `flows` are those whose pages get the script.
    """

    def __init__(self, state: State, asked: TraceAsked) -> None:
        self._state = state
        self._asked = asked
        self._on = False
        self.flows = WeakSet[http.HTTPFlow]()
        self._reports = WeakSet[http.HTTPFlow]()

    def configure(self, updated: set[str]) -> None:
        """Take the option, and tell who is watched."""
        if "urlrewrite_probe" not in updated or self._on == ctx.options.urlrewrite_probe:
            return
        self._on = ctx.options.urlrewrite_probe
        if self._on:
            whom = "those whom urlrewrite_trace_header names" if self._asked.audience else "browsers on this machine"
            logger.log(ALERT, "pages get a script that reports what browsers refuse: those of %s", whom)
            if ctx.options.urlrewrite_worker:
                logger.log(ALERT, "urlrewrite_probe is for one worker: reports that come to another one are lost")

    def or_else(self, act: Act) -> Act:
        """Return what does what the page Why broken asks for: `{probe}` switches the probe, `{flow, said}` tells what
        somebody who looks at the browser heard of a page, and the rest is for `act`.
        """

        async def acting(asked: Mapping[str, Any]) -> None:
            if isinstance(on := asked.get("probe"), bool):
                ctx.options.update(urlrewrite_probe=on)
            elif isinstance(said := asked.get("said"), list):
                self._state.watched.tell(str(asked.get("flow")), from_data(said))
            else:
                await act(asked)

        return acting

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Note who is watched, and answer what is for the collector."""
        if flow.error or flow.response or not flow.live or flow.is_replay:
            return
        is_watched = self._on and self._is_watched(flow)
        path, watched = flow.request.path, self._state.watched
        if path.startswith(watched.root) or (is_watched and watched.is_ours(path)):
            apply_response(flow, self._answer(flow))
        elif is_watched:
            self.flows.add(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        """Read a report, and keep nothing of it but what was read."""
        if flow not in self._reports:
            return
        self._reports.discard(flow)
        content_type = flow.request.headers.get("content-type", "")
        self._state.watched.add(flow.request.path, read(flow.request.raw_content or b"", content_type))
        flow.request.raw_content = b""

    def _answer(self, flow: http.HTTPFlow) -> LocalResponse:
        request = flow.request
        length = request.headers.get("content-length", "")
        if request.method != "POST" or not self._on:
            return plain_response(404, "Nothing is here.")
        if not length.isdigit() or int(length) > MAX_BODY:
            return plain_response(400, "This is too long for a report, or does not say how long it is.")
        client, origin = flow.client_conn.peername[0], request.headers.get("origin", "")
        if self._state.watched.judge(request.path, client, origin):
            return plain_response(404, "Nothing is here.")
        self._reports.add(flow)
        return LocalResponse(204, (("Cache-Control", "no-store"),))

    def _is_watched(self, flow: http.HTTPFlow) -> bool:
        if self._asked.audience is not None:
            return flow in self._asked.flows
        if any(name in flow.request.headers for name in _FROM_AFAR):
            return False
        try:
            address = ip_address(flow.client_conn.peername[0].partition("%")[0].removeprefix("::ffff:"))
        except ValueError:
            return False
        return address.is_loopback


@dataclass(frozen=True, slots=True)
class _Copy:
    """What makes the copy of a page: the element with the script, and what policies allow it to reach.

    That does not have the secret of the address, since browsers send policies to the collectors of the page.
    """

    element: bytes
    address: str
    reports: str
    """The URL that browsers report to."""

    def fields(self, page: FieldLines) -> FieldLines:
        copy = let_in(copy_fields(page), HASH, self.address)
        return (*copy, *reporting_fields(copy, self.reports))

    def splice(self, page: FieldLines) -> Splice:
        codings = parse_content_encoding(field_values(page, "content-encoding"))
        return Splice(self.element, codings, charset_known=bool(declared_charset(page)))


class ProbedPages:
    """The addon that gives pages the script. To be registered last: what others see and keep is the page as it is."""

    def __init__(self, state: State, reports: ProbeReports) -> None:
        self._state = state
        self._reports = reports
        self._copies = WeakKeyDictionary[http.HTTPFlow, _Copy]()

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Find out whether a response is a page that gets the script, and give it to one that streams."""
        live, response = self._state.live.get(flow.id), flow.response
        if flow not in self._reports.flows or flow.error or response is None or live is None:
            return
        request, lines = live.exchange.request, field_lines(response.headers)
        if live.own or live.failed:
            return
        trace_id = str(live.exchange.trace.data["id"])
        if (why := unwatched(request.method, request.fields, response.status_code, lines)) is not None:
            if why:
                self._state.watched.leave(trace_id, why)
            return
        _, public = site_and_public_name(request, live.exchange.rules)
        # A page that came by http reports by http, even where the public name is https.
        asked = origin_of(request.scheme, request.host) or public
        path = self._state.watched.watch(trace_id, flow.client_conn.peername[0], str(public), str(asked))
        copy = self._copies[flow] = _Copy(element(path), f"{asked}{ROOT}", f"{public}{path}")
        if response.stream:
            response.stream = _streamed(flow, response, copy, cast("Stream | bool", response.stream))
        elif live.hold:
            release = live.hold.release

            def release_and_watch(held: int) -> Stream:
                stream = release(held)
                return _streamed(flow, response, copy, stream)

            live.hold.release = release_and_watch

    @begins_at_once
    async def response(self, flow: http.HTTPFlow) -> None:
        """Give the script to a page that was held until now."""
        copy, page = self._copies.pop(flow, None), flow.response
        if copy is None or flow.error or page is None or page.stream or not page.raw_content:
            return
        lines, raw = field_lines(page.headers), page.raw_content
        if unwatched("GET", (("Sec-Fetch-Dest", "document"),), page.status_code, lines) is not None:
            # An error has taken its place.
            return
        splice = copy.splice(lines)
        try:
            if len(raw) < THREAD_FROM and "content-encoding" not in page.headers:
                body = splice.feed(raw) + splice.finish()
            else:
                body = await asyncio.to_thread(lambda: splice.feed(raw) + splice.finish())
        except (CorruptCoding, DecodedTooLarge):
            # The browser gets to see what is wrong with it.
            return
        if not splice.done:
            return
        keep_page(flow, page, raw)
        page.headers = headers(copy.fields(lines), lower=_is_lower(flow))
        page.raw_content = body
        if "transfer-encoding" not in page.headers:
            page.headers["content-length"] = str(len(body))


def _streamed(flow: http.HTTPFlow, page: http.Response, copy: _Copy, stream: Stream | bool) -> ProbedBody:
    """Make the head of a page that streams that of the copy, and return its body; the head has not been sent yet."""
    lines = field_lines(page.headers)
    keep_page(flow, page, None)
    page.headers = headers(copy.fields(lines), lower=_is_lower(flow))
    if flow.request.http_version == "HTTP/1.0":
        page.headers.pop("transfer-encoding", None)
        page.headers["connection"] = "close"
    elif not _is_lower(flow):
        page.headers["transfer-encoding"] = "chunked"
        page.http_version = "HTTP/1.1"
    return ProbedBody(flow, stream, copy.splice(lines), coded="content-encoding" in page.headers)


class ProbedBody(PieceByPiece):
    """The body of a page that streams, with the script; `stream` is what made it before."""

    def __init__(self, flow: http.HTTPFlow, stream: Stream | bool, splice: Splice, *, coded: bool) -> None:
        super().__init__(coded=coded)
        self._flow = flow
        self._stream = stream
        self._splice = splice
        self._failed = False

    def _rewritten(self, piece: bytes) -> bytes:
        if isinstance(self._stream, PieceByPiece):
            self._stream.rewrite(piece)
        return b""

    def _sent(self, piece: bytes, rewritten: bytes) -> list[bytes]:
        del rewritten
        data = piece if isinstance(self._stream, bool) else b"".join(self._stream(piece))
        if self._failed:
            return []
        try:
            sent = self._splice.feed(data)
            if not piece:
                sent += self._splice.finish()
        except (CorruptCoding, DecodedTooLarge):
            # Under a coding the rest cannot pass as it comes.
            self._failed = True
            if self._flow.killable:
                self._flow.kill()
            return []
        return [sent] if sent else []


def _is_lower(flow: http.HTTPFlow) -> bool:
    return flow.request.is_http2 or flow.request.is_http3
