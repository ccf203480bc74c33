"""Backends behind the fuzzed proxy: one that is strict about what comes, and speaks HTTP/1 or 2 as a case wants."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from random import Random
from typing import Self

import h11
import trustme
from hpack import Decoder
from hyperframe.frame import Frame, HeadersFrame, SettingsFrame

from fuzz_wire.material import PREFACE, http2_responses
from fuzz_wire.mutations import frames, pieces

type Response = tuple[bytes, Random] | None
"""What is sent to a request in place of a sound response, and by what chance it is broken into pieces."""


_ASCII = bytes(range(128)) + b"~" * 128
"""Bytes outside ASCII are let through in targets, as IIS does it; `h11` knows none there."""


class FuzzBackend:
    """Responds to requests. `wrong` are requests that are none, as `h11` reads them."""

    def __init__(self, *, http2: bool) -> None:
        self.wrong: list[str] = []
        self.response: Callable[[str], Response] = lambda own_id: None
        self.chance: Callable[[str], Random | None] = lambda own_id: None
        self._http2 = http2
        self._tasks = set[asyncio.Task[None]]()

    async def __aenter__(self) -> Self:
        context: ssl.SSLContext | None = None
        if self._http2:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            trustme.CA().issue_cert("inner.example").configure_cert(context)
            context.set_alpn_protocols(["h2"])
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                await (self._serve_http2 if self._http2 else self._serve_http1)(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve_http1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        head: h11.Request | None = None
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                if reader.at_eof():
                    return
                self.wrong.append(f"{error}: {head}, then {connection.trailing_data[0][:300]!r}")
                return
            if event is h11.NEED_DATA:
                connection.receive_data((await reader.read(65536)).translate(_ASCII))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.EndOfMessage):
                assert head
                own_id = head.target.decode("latin-1").strip("/").partition("/")[0].partition("?")[0]
                if not await self._respond(own_id, writer, has_body=head.method != b"HEAD"):
                    return
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE:
                    return
                connection.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return

    async def _respond(self, own_id: str, writer: asyncio.StreamWriter, *, has_body: bool) -> bool:
        """Whether the connection goes on."""
        if response := self.response(own_id):
            await _send(writer, *response)
            return False
        body = f"well {own_id}".encode()
        head = b"HTTP/1.1 200 OK\r\nX-Id: %b\r\nContent-Length: %d\r\n\r\n" % (own_id.encode(), len(body))
        writer.write(head + (body if has_body else b""))
        await writer.drain()
        return True

    async def _serve_http2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to each request until there is one whose case has a damaged response."""
        await reader.readexactly(len(PREFACE))
        writer.write(SettingsFrame(0).serialize())
        decoder = Decoder()
        while True:
            frame, length = Frame.parse_frame_header(memoryview(await reader.readexactly(9)))
            body = await reader.readexactly(length)
            if isinstance(frame, HeadersFrame):
                frame.parse_body(memoryview(body))
                fields = dict(decoder.decode(frame.data, raw=True))
                own_id = fields[b":path"].decode().rpartition("/")[2]
                random = self.chance(own_id)
                if random is None:
                    made = http2_responses(own_id, frame.stream_id)[0]
                    writer.write(b"".join(each.serialize() for each in made))
                else:
                    made = random.choice(http2_responses(own_id, frame.stream_id))
                    await _send(writer, SettingsFrame(0, flags=["ACK"]).serialize() + frames(made, random), random)
                    return


async def _send(writer: asyncio.StreamWriter, data: bytes, random: Random) -> None:
    for piece in pieces(data, random):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
