"""Servers whose health is tested, in a process of their own: `python tested_servers.py COUNT`.

They listen on 127.0.1.1 and the addresses after it, on one port, which is printed. When the standard input ends, so do
they, and print at what times they were asked, in seconds of one clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from time import monotonic

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def main() -> None:
    """Serves until the standard input ends."""
    times: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            times.append(monotonic())
            writer.write(OK)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    with socket.socket() as probe:
        probe.bind(("127.0.1.1", 0))
        port = probe.getsockname()[1]
    hosts = [f"127.0.1.{number}" for number in range(1, int(sys.argv[1]) + 1)]
    async with await asyncio.start_server(serve, hosts, port):
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print("\n".join(map(str, times)))


if __name__ == "__main__":
    asyncio.run(main())
