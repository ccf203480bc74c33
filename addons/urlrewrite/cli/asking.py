"""`run.sh init` on a terminal: asks for what a rule file needs, looks at the backend, writes the file."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from urlrewrite.cli.arguments import COMMAND
from urlrewrite.cli.first_page import Findings, examine
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.rules_in_force import RulesInForce, Settings
from urlrewrite.formats.addresses import parse_backend, parse_host_port, parse_public_place
from urlrewrite.formats.wizards.commented_proxy import reverse_proxy
from urlrewrite.formats.yaml.json_schema import HEADER
from urlrewrite.loading.load import compile_files
from urlrewrite.model import LinkMode, Origin
from urlrewrite.trace.text import visible

_KINDS = {
    "1": (LinkMode.EVERYWHERE, "map whatever names the backend (recommended)"),
    "2": (LinkMode.TAGS, "map the links of HTML only"),
    "3": (LinkMode.OFF, "map nothing: only my own rules act, as in IIS"),
}
_SECONDS = 5.0
_MAX_PAGE = 2 * 2**20


@dataclass(frozen=True, slots=True)
class _Answers:
    public: Origin
    path: str
    backend: Origin
    backend_path: str
    connect: str
    links: LinkMode


def ask(serve: Callable[[list[str]], int]) -> int:
    """Ask, write a rule file and start it, if the person wants that; `serve` runs a command line of serve.py."""
    print("This writes a rule file. Ctrl-C leaves; what stands in brackets is taken for an empty answer.\n")
    try:
        public, path = _until_valid("Public name, as browsers see it", "https://www.example.com", parse_public_place)
        while True:
            backend, backend_path = _until_valid("Backend behind it", "http://privateserver:8080", parse_backend)
            if (backend, backend_path) != (public, path):
                break
            print("  That is the public name; the proxy would ask itself.")
        connect = _address_of(backend)
        for number, (_, text) in _KINDS.items():
            print(f"  {number}  {text}")
        kind = _until_valid("Which", "1", lambda text: _KINDS[text][0])
        answers = _Answers(public, path, backend, backend_path, connect, kind)
        text = _look(answers)
        file = Path(_until_valid("File", "portal.yaml", _new_file))
        file.write_text(text, encoding="utf-8")
        print(f"\n{file} is written. {COMMAND} check {file} reads it and runs its tests.")
        if _yes(f"Start it now ({COMMAND} web {file})"):
            return serve(["web", str(file)])
    except (KeyboardInterrupt, EOFError):
        print("\nNothing more is done.")
        return 1
    return 0


def _until_valid[T](question: str, default: str, parse: Callable[[str], T]) -> T:
    while True:
        text = input(f"{question} [{default}]: ").strip() or default
        try:
            return parse(text)
        except KeyError:
            print(f"  got {visible(text)}, expected one of {', '.join(_KINDS)}")
        except ValueError as error:
            print(f"  {error}")


def _yes(question: str) -> bool:
    return input(f"{question}? [Y/n]: ").strip().lower() in ("", "y", "yes")


def _new_file(text: str) -> str:
    if Path(text).is_dir():
        raise ValueError(f"got {visible(text)}, which is a directory, expected a file")
    if Path(text).exists() and not _yes(f"{visible(text)} is there. Write over it"):
        raise ValueError("Then name another one.")
    return text


def _address_of(backend: Origin) -> str:
    """Return where the backend is to be reached, "" if its name says that."""
    try:
        socket.getaddrinfo(backend.host.strip("[]"), backend.port)
    except OSError:
        print(f"  {backend.host} does not resolve on this machine.")
        return _until_valid("Where is it (HOST:PORT)", f"127.0.0.1:{backend.port}", _host_port)
    return ""


def _host_port(text: str) -> str:
    parse_host_port(text)
    return text


def _look(answers: _Answers) -> str:
    """Look at the first page and print what is found; return the text of the rule file."""
    text = _draft(answers, Findings((), (), ()))
    print(f"\nAsking {answers.backend} ...")
    try:
        try:
            response, body = _first_page(answers, ssl.create_default_context())
        except ssl.SSLCertVerificationError as error:
            print(
                f"  Its certificate is not trusted ({error.verify_message}): name its authority in tls: {{ca: FILE}}."
            )
            # To look at a page once; the proxy itself goes on to verify.
            response, body = _first_page(answers, ssl._create_unverified_context())
    except (OSError, http.client.HTTPException) as error:
        print(f"  It does not answer ({error}). The file is written all the same; connect: HOST:PORT may be lacking.\n")
        return text
    public = f"{answers.public}{answers.path}/"
    found = examine(_rules(text), public, answers.backend, response, body)
    if found.names or found.root_paths:
        text = _draft(answers, found)
        again = examine(_rules(text), public, answers.backend, response, body)
        found = Findings(found.names, found.root_paths, tuple(dict.fromkeys((*again.messages, *found.messages))))
    for message in found.messages:
        print(f"  {visible(message)}")
    print()
    return text


def _rules(text: str) -> RulesInForce:
    name = str(Path("new-rule-file.yaml").absolute())
    return RulesInForce(compile_files([name], edited={name: text.encode()})[0], Settings())


def _first_page(answers: _Answers, context: ssl.SSLContext) -> tuple[ResponseFacts, bytes]:
    """Ask for the first page. Raises OSError or HTTPException."""
    backend = answers.backend
    host, port = parse_host_port(answers.connect) if answers.connect else (backend.host, backend.port)
    connection: http.client.HTTPConnection
    if backend.scheme == "https":
        connection = http.client.HTTPSConnection(host.strip("[]"), port, timeout=_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=_SECONDS)
    fields = {"Host": backend.authority, "Accept": "text/html", "Accept-Encoding": "gzip"}
    try:
        connection.request("GET", f"{answers.backend_path}/", headers=fields)
        answer = connection.getresponse()
        body = answer.read(_MAX_PAGE)
    finally:
        connection.close()
    lines = tuple((name, value) for name, value in answer.getheaders() if name.lower() != "transfer-encoding")
    return ResponseFacts(answer.status, lines, answer.reason), body


def _draft(answers: _Answers, found: Findings) -> str:
    """Write the rule file."""
    more = ""
    if answers.connect:
        more += f"\n# Where the backend is, since its name does not resolve here.\nconnect: '{answers.connect}'\n"
    if found.names:
        more += f"\n# What the backend calls itself besides.\nbackendNames: [{', '.join(found.names)}]\n"
    if found.root_paths:
        more += f"\n# Beginnings of what is a path in its scripts.\nrootPaths: [{', '.join(found.root_paths)}]\n"
    public, backend = str(answers.public), str(answers.backend)
    if answers.path or answers.backend_path or answers.public.is_wildcard:
        head = f"public: {public}{answers.path}\nbackend: {backend}{answers.backend_path}\n{more}\n"
        return f"{HEADER}{head}links: {answers.links}\n"
    text = reverse_proxy(public, backend, links=answers.links is not LinkMode.OFF)
    text = text.replace(f"\nbackend: {backend}\n", f"\nbackend: {backend}\n{more}", 1)
    return HEADER + text.replace("\nlinks: everywhere\n", f"\nlinks: {answers.links}\n", 1)
