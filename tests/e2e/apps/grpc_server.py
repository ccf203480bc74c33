"""A server of gRPC that is called in all four ways, on one port with TLS and on one without.

python grpc_server.py CERTIFICATE_CHAIN_FILE PRIVATE_KEY_FILE TLS_PORT PLAIN_PORT
"""

import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from threading import Event

import grpc

CHAIN, KEY = (Path(name).read_bytes() for name in sys.argv[1:3])
TLS_PORT, PLAIN_PORT = sys.argv[3:]
NAME = b"http://privateserver:8080/"
FOREVER = 10_000  # seconds
gone = Event()


def unary(message: bytes, context: grpc.ServicerContext) -> bytes:
    known = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-given", known.get("x-given", "")), ("x-some-bin", known.get("x-some-bin", b""))))
    context.set_trailing_metadata((("x-peer", "trailing"), ("x-more-bin", b"\0\xff")))
    limited = (context.time_remaining() or FOREVER) < FOREVER
    return b"%b %b %b" % (message, NAME, b"in time" if limited else b"at any time")


def compressed(message: bytes, context: grpc.ServicerContext) -> bytes:
    context.set_compression(grpc.Compression.Gzip)
    return message


def down(message: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    for number in range(int(message)):
        yield b"%d" % number


def up(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
    return b"%d" % sum(map(len, messages))


def both(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    for message in messages:
        yield b"got " + message


def fail(message: bytes, context: grpc.ServicerContext) -> bytes:
    context.set_trailing_metadata((("x-why", "because"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "100 % of äöü is\nnot here")


def fail_later(message: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield b"1"
    yield b"2"
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no 3")


def wait(message: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    """Say one thing, and then nothing until the client has gone."""
    gone.clear()
    context.add_callback(gone.set)
    yield b"begun"
    gone.wait()


def was_left(message: bytes, context: grpc.ServicerContext) -> bytes:
    """Say whether the server heard of the end of the last `wait`."""
    return b"%d" % gone.wait(30)


def main() -> None:
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Compressed": grpc.unary_unary_rpc_method_handler(compressed),
        "Down": grpc.unary_stream_rpc_method_handler(down),
        "Up": grpc.stream_unary_rpc_method_handler(up),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "FailLater": grpc.unary_stream_rpc_method_handler(fail_later),
        "Wait": grpc.unary_stream_rpc_method_handler(wait),
        "WasLeft": grpc.unary_unary_rpc_method_handler(was_left),
    }
    large = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=large)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Calls", methods),))
    server.add_secure_port(f"127.0.0.1:{TLS_PORT}", grpc.ssl_server_credentials([(KEY, CHAIN)]))
    server.add_insecure_port(f"127.0.0.1:{PLAIN_PORT}")
    server.start()
    server.wait_for_termination()


main()
