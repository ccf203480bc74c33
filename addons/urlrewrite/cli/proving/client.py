"""Requests as they are written, byte for byte, and what becomes of them."""

from __future__ import annotations

import json
import socket
import ssl

from urlrewrite.cli.proving.echo import ANSWER, HOST, TYPE
from urlrewrite.export.proof import Outcome, cookies, host_of_tls
from urlrewrite.export.requests import Probe
from urlrewrite.model.field_lines import field_values

_SECONDS = 10.0


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS = _context()


def ask(port: int, probe: Probe, fields: tuple[str, ...]) -> Outcome:
    """Send a request to a port and return what became of it; `fields` are the names of those to tell of."""
    lines = [f"{probe.method} {probe.target} HTTP/1.1"]
    if not field_values(probe.fields, "host"):
        lines.append(f"Host: {probe.host}")
    lines += [f"{name}: {value}" for name, value in probe.fields]
    if probe.response:
        lines.append(f"{ANSWER}: {json.dumps(probe.response)}")
    lines += ["Connection: close", "Content-Length: 0"] if probe.method in ("POST", "PUT") else ["Connection: close"]
    try:
        raw = _exchange(port, probe, "\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
    except ConnectionError:
        raw = b""
    head, _, body = raw.partition(b"\r\n\r\n")
    if not head:
        return Outcome()
    first, *rest = head.decode("latin-1").split("\r\n")
    answered = [(name, value.strip()) for name, _, value in (line.partition(":") for line in rest)]
    if TYPE in field_values(tuple(answered), "content-type"):
        told = field_values(tuple(answered), "x-echo") or (body.decode("latin-1"),)
        return _forwarded(json.loads(told[0]), fields)
    location = next(iter(field_values(tuple(answered), "location")), "")
    return Outcome(status=int(first.split()[1]), location=location, cookies=cookies(tuple(answered)))


def _exchange(port: int, probe: Probe, request: bytes) -> bytes:
    with socket.create_connection((HOST, port), _SECONDS) as plain:
        name = host_of_tls(probe)
        connection = _TLS.wrap_socket(plain, server_hostname=name or None) if probe.scheme == "https" else plain
        with connection:
            connection.sendall(request)
            pieces = []
            while piece := connection.recv(65536):
                pieces.append(piece)
            return b"".join(pieces)


def _forwarded(told: dict[str, object], fields: tuple[str, ...]) -> Outcome:
    lines = told["fields"]
    assert isinstance(lines, list)
    # As the engine has it: bytes that are not UTF-8 as surrogates.
    got = tuple((str(name), str(value).encode("latin-1").decode("utf-8", "surrogateescape")) for name, value in lines)
    values = {name: ", ".join(field_values(got, name)) for name in fields}
    host = ", ".join(field_values(got, "host"))
    return Outcome(str(told["origin"]), str(told["method"]), str(told["target"]), host, values)
