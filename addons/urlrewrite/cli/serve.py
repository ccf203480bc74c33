"""Starts the proxy as a person wants it: `demo`, `web RULES...` and `proxy RULES...` of run.sh.

mitmproxy is only executed, never imported. It gets the options without which a rewriting proxy goes wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urljoin

import argon2

from urlrewrite.cli.arguments import (
    COMMAND,
    PROGRAM,
    RULES,
    UsageError,
    add_overrides,
    override_settings,
    parse_network,
    parse_workers,
)
from urlrewrite.cli.children import supervise
from urlrewrite.cli.preflight import (
    LOOPBACK,
    Listener,
    StartError,
    parse_listener,
    parse_port,
    require_files,
    require_free,
)
from urlrewrite.cli.workers import run_workers, why_not_several
from urlrewrite.loading.project import project

PROJECT = project()
DEFAULT_LISTEN = ("http://:8080", "https://:8443")
FARM_SERVERS = 3
"""Servers of the demo's farms, on the ports after that of its backend."""

CORE_OPTIONS = (
    "--no-server",  # the addon opens the listeners itself; mitmproxy would first open a forward proxy
    "--set=connection_strategy=lazy",  # the backend is known only once the rules have run
    "--set=keep_host_header=true",  # else the public name is gone before the first rule sees it
    "--set=block_global=false",  # it keeps the world out of an open proxy; this one goes to its backends only
    "--set=upstream_cert=false",  # a public name's certificate has nothing to do with the backend's
)


def command(
    program: str, scripts: Sequence[str], rules: Sequence[Path], listeners: Sequence[Listener], more: Sequence[str]
) -> list[str]:
    """Return the command line that starts `mitmweb` or `mitmdump` of this environment with the project's addons."""
    return [
        str(Path(sys.executable).parent / program),
        *CORE_OPTIONS,
        *(f"--scripts={PROJECT / 'addons' / script}" for script in scripts),
        *(f"--set=urlrewrite_rules={path}" for path in rules),
        *(f"--set=urlrewrite_listen={listener.url}" for listener in listeners),
        *more,
    ]


def web_options(port: int, more: Sequence[str]) -> tuple[list[str], str]:
    """Return the options that put mitmweb on loopback behind a new token, and the address that a person opens.

    mitmweb takes an argon2 hash as its password, so that the token itself stands in no process list.
    """
    options = [f"--web-host={LOOPBACK}", f"--web-port={port}", "--set=web_open_browser=false"]
    address = f"http://{LOOPBACK}:{port}/"
    if not any("termlog_verbosity" in option for option in more):
        options.append("--set=termlog_verbosity=alert")  # mitmweb lists connections; the addresses stay in sight here
    if any("web_password" in option for option in more):
        return options, address
    token = secrets.token_urlsafe(16)
    return [*options, f"--set=web_password={argon2.PasswordHasher().hash(token)}"], f"{address}?token={token}"


def _inspector(web: str) -> str:
    """Return the address of the inspector's pages, which mitmweb at this address serves behind its own login."""
    return urljoin(web, f"rewrite{web[web.index('?') :]}" if "?" in web else "rewrite")


@contextlib.contextmanager
def demo_rules(https_port: int, http_port: int, backend_port: int) -> Iterator[Path]:
    """Yield the demo's rule file; for other ports than its own a temporary copy with these put in."""
    original = PROJECT / "rules" / "default.yaml"
    text = original.read_text(encoding="utf-8")
    ports = {"localhost:8443": https_port, "localhost:8080": http_port}
    ports |= {f"127.0.0.1:{8090 + number}": backend_port + number for number in range(1 + FARM_SERVERS)}
    moved = re.sub(
        "|".join(map(re.escape, ports)), lambda found: f"{found[0].partition(':')[0]}:{ports[found[0]]}", text
    )
    if moved == text:
        yield original
        return
    with tempfile.TemporaryDirectory(prefix="urlrewrite-demo-") as folder:
        copy = Path(folder) / "default.yaml"
        copy.write_text(moved, encoding="utf-8")
        yield copy


def demo(options: argparse.Namespace, more: Sequence[str]) -> int:
    """Serve the demo backend through the proxy."""
    listeners = [
        Listener("http", LOOPBACK, options.http_port, "--http-port"),
        Listener("https", LOOPBACK, options.port, "--port"),
    ]
    others = [Listener("http", LOOPBACK, options.backend_port, "--backend-port")]
    lines = [
        f"site     https://localhost:{options.port}/ (its certificate is made by mitmproxy: the browser warns once)",
        f"         http://localhost:{options.http_port}/ is redirected there by a rule",
        f"backend  http://{LOOPBACK}:{options.backend_port}/ stands behind it and calls itself privateserver:8080",
        f"farm     https://localhost:{options.port}/farm/ is served by three more, on the ports after it",
    ]
    program, arguments = "mitmdump", [f"--set=demo_port={options.backend_port}", *more]
    look = "Open the site: each request is logged here in one line."
    if not options.headless:
        others.append(Listener("http", LOOPBACK, options.web_port, "--web-port"))
        web, address = web_options(options.web_port, more)
        program, arguments = "mitmweb", [*web, *arguments]
        lines += [f"mitmweb  {address}", f"why      {_inspector(address)}"]
        look = "Open the site, then the last address: it shows which rule did what, and what is broken and why."
    ports = range(options.backend_port + 1, options.backend_port + 1 + FARM_SERVERS)
    others += [Listener("http", LOOPBACK, port, "--backend-port") for port in ports]
    require_free([*listeners, *others])
    with demo_rules(options.port, options.http_port, options.backend_port) as rules:
        lines += [f"rules    {rules} (a saved change is in force at once)", "", f"{look} Ctrl-C stops."]
        scripts = ("demo.py", "reverse.py")
        return supervise(
            command(program, scripts, [rules], listeners, arguments), [*listeners, *others], "\n".join(lines)
        )


def web(options: argparse.Namespace, more: Sequence[str]) -> int:
    """Serve the user's rules, seen in mitmweb."""
    rules = require_files(options.rules)
    more = [*_settings(options), *more]
    listeners = listeners_of(options)
    page = Listener("http", LOOPBACK, options.web_port, "--web-port")
    require_free([*listeners, page])
    arguments, address = web_options(options.web_port, more)
    listens = ", ".join(listener.url for listener in listeners)
    lines = [f"listens  {listens}", f"mitmweb  {address}", f"why      {_inspector(address)}", "", "Ctrl-C stops."]
    return supervise(
        command("mitmweb", ["reverse.py"], rules, listeners, [*arguments, *more]),
        [*listeners, page],
        "\n".join(lines),
    )


def proxy(options: argparse.Namespace, more: Sequence[str]) -> int:
    """Become a mitmdump that serves the user's rules, or several workers that share the ports."""
    rules = require_files(options.rules)
    more = [*_settings(options), *more]
    listeners = listeners_of(options)
    require_free(listeners)
    arguments = command("mitmdump", ["reverse.py"], rules, listeners, more)
    if options.workers > 1:
        reason = why_not_several()
        if not reason:
            return run_workers(arguments, options.workers, listeners)
        print(f"{PROGRAM} proxy: one worker runs: {reason}", file=sys.stderr)
    return os.execv(arguments[0], arguments)


def _settings(options: argparse.Namespace) -> list[str]:
    """Return what is set by options of run.sh, as options for mitmproxy."""
    networks = [f"--set=urlrewrite_proxy_protocol={network}" for network in options.proxy_protocol]
    return [*override_settings(options), *networks]


def listeners_of(options: argparse.Namespace) -> list[Listener]:
    return options.listen or [parse_listener(url) for url in DEFAULT_LISTEN]


def parser() -> argparse.ArgumentParser:
    """Return the parser of everything before `--`."""
    top = argparse.ArgumentParser(prog=COMMAND, allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    this = commands.add_parser("demo", help="demo backend, proxy and mitmweb", description=demo.__doc__)
    this.set_defaults(start=demo, name="demo")
    _add_port(this, "--port", 8443, "of the site over TLS")
    _add_port(this, "--http-port", 8080, "of the site without TLS")
    _add_port(this, "--backend-port", 8090, "of the demo backend; the servers of its farm take the three after it")
    _add_port(this, "--web-port", 8081, "of mitmweb")
    this.add_argument("--headless", action="store_true", help="without mitmweb")

    for start, program in ((web, "mitmweb"), (proxy, "mitmdump")):
        this = commands.add_parser(
            start.__name__,
            help=f"the proxy with your rules in {program}",
            description=start.__doc__,
            usage=f"{COMMAND} {start.__name__} RULES... [--listen URL]... [--public URL]... [--backend URL] [OPTIONS] "
            f"[-- {program.upper()} OPTIONS]",
            epilog=f"what follows -- is given to {program}; `--options` there lists every option with its meaning",
        )
        this.set_defaults(start=start, name=start.__name__)
        this.add_argument("rules", nargs="+", metavar="RULES", help=RULES)
        this.add_argument(
            "--listen",
            action="append",
            type=parse_listener,
            metavar="URL",
            help="http://HOST:PORT or https://HOST:PORT, without HOST on every interface; may be repeated "
            f"(default: {' '.join(DEFAULT_LISTEN)})",
        )
        this.add_argument(
            "--proxy-protocol",
            action="append",
            default=[],
            type=parse_network,
            metavar="NETWORK",
            help="address or network of a balancer that says by the PROXY protocol who a client is; may be repeated",
        )
        add_overrides(this)
        if start is proxy:
            this.add_argument(
                "--workers",
                type=parse_workers,
                default=1,
                metavar="N",
                help="processes that share the ports, one for each core; without HTTP/3 if more than one (default: 1)",
            )
        if start is web:
            _add_port(this, "--web-port", 8081, "of mitmweb, on loopback")
    return top


def _add_port(to: argparse.ArgumentParser, option: str, default: int, of: str) -> None:
    to.add_argument(option, type=parse_port, default=default, metavar="PORT", help=f"port {of} (default: {default})")


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    options = parser().parse_args(arguments[:end])
    try:
        return int(options.start(options, arguments[end + 1 :]))
    except (StartError, UsageError) as problem:
        print(f"{PROGRAM} {options.name}: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, UsageError) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
