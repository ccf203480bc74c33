"""A client of gRPC: it calls the server in all four ways, and prints what came of each call.

python grpc_client.py CA_FILE NAME:PORT...
"""

import itertools
import json
import queue
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import grpc

CA = Path(sys.argv[1]).read_bytes()
PATIENCE = 60  # seconds
LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def told(error: grpc.RpcError) -> list[object]:
    return ["error", error.code().name, error.details()]


def metadata(pairs: Iterable[tuple[str, str | bytes]]) -> list[object]:
    return sorted([name, str(value)] for name, value in pairs if name.startswith("x-"))


class Calls:
    """What came of the calls of one server, by name."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.results: dict[str, object] = {}

    def call(self, name: str, make: Callable[[], object]) -> None:
        try:
            self.results[name] = make()
        except grpc.RpcError as error:
            self.results[name] = told(error)

    def unary(self) -> object:
        call = self._channel.unary_unary("/test.Calls/Unary")
        given = (("x-given", "here"), ("x-some-bin", b"\0\1\xff"))
        reply, rpc = call.with_call(b"hello", metadata=given, timeout=PATIENCE)
        return [repr(reply), metadata(rpc.initial_metadata()), metadata(rpc.trailing_metadata()), rpc.code().name]

    def no_deadline(self) -> object:
        return repr(self._channel.unary_unary("/test.Calls/Unary")(b""))

    def large(self) -> object:
        message = bytes(range(256)) * 20_000
        reply = self._channel.unary_unary("/test.Calls/Unary")(message, timeout=PATIENCE)
        return [len(reply), reply.startswith(message)]

    def compressed(self) -> object:
        call = self._channel.unary_unary("/test.Calls/Compressed")
        reply = call(b"again " * 10_000, compression=grpc.Compression.Gzip, timeout=PATIENCE)
        return reply == b"again " * 10_000

    def down(self) -> object:
        return [*map(repr, self._channel.unary_stream("/test.Calls/Down")(b"500", timeout=PATIENCE))]

    def up(self) -> object:
        messages = itertools.repeat(b"x" * 1000, 300)
        return repr(self._channel.stream_unary("/test.Calls/Up")(messages, timeout=PATIENCE))

    def both(self) -> object:
        """Send each message only when the one before has been answered."""
        sent: queue.Queue[bytes | None] = queue.Queue()
        replies = self._channel.stream_stream("/test.Calls/Both")(iter(sent.get, None), timeout=PATIENCE)
        heard = []
        for number in range(50):
            sent.put(b"%d" % number)
            heard.append(repr(next(replies)))
        sent.put(None)
        return [*heard, *map(repr, replies)]

    def fail(self) -> object:
        try:
            self._channel.unary_unary("/test.Calls/Fail")(b"", timeout=PATIENCE)
        except grpc.RpcError as error:
            return [*told(error), metadata(error.trailing_metadata())]
        return "no error"

    def fail_later(self) -> object:
        heard: list[object] = []
        try:
            heard += map(repr, self._channel.unary_stream("/test.Calls/FailLater")(b"", timeout=PATIENCE))
        except grpc.RpcError as error:
            heard.append(told(error))
        return heard

    def unknown(self) -> object:
        return repr(self._channel.unary_unary("/test.Calls/Nothing")(b"", timeout=PATIENCE))

    def cancel(self) -> object:
        replies = self._channel.unary_stream("/test.Calls/Wait")(b"", timeout=PATIENCE)
        first = repr(next(replies))
        replies.cancel()
        return [first, replies.code().name, self._was_left()]

    def deadline(self) -> object:
        replies = self._channel.unary_stream("/test.Calls/Wait")(b"", timeout=2)
        heard = [repr(next(replies))]
        try:
            next(replies)
        except grpc.RpcError as error:
            heard.append(error.code().name)
        return [*heard, self._was_left()]

    def _was_left(self) -> str:
        return repr(self._channel.unary_unary("/test.Calls/WasLeft")(b"", timeout=PATIENCE))

    def all(self) -> None:
        for name in (
            *("unary", "no_deadline", "large", "compressed", "down", "up", "both", "fail", "fail_later", "unknown"),
            *("cancel", "deadline"),
        ):
            self.call(name, getattr(self, name))


def main() -> None:
    results = []
    for address in sys.argv[2:]:
        credentials = grpc.ssl_channel_credentials(CA)
        with grpc.secure_channel(address, credentials, options=LARGE) as channel:
            calls = Calls(channel)
            calls.all()
            results.append(calls.results)
    print(json.dumps(results))


main()
