"""What the command lines of main.py and serve.py share: the overrides, and the error for a wrong command line."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from pathlib import Path

from urlrewrite.loading.overrides import Overrides, parse_overrides
from urlrewrite.model import LinkMode, Mode

RULES = "rule files: YAML, web.config, applicationHost.config, .htaccess"


MAX_WORKERS = 64

PROGRAM = "urlrewrite" if Path(sys.argv[0]).stem == "urlrewrite" else "run.sh"
"""What the person typed: the command of an installed package, or the script of a checkout."""

COMMAND = PROGRAM if PROGRAM == "urlrewrite" else f"./{PROGRAM}"
"""How it is typed."""


class UsageError(Exception):
    """Raised for a command line that cannot be carried out; the message, one line, is for the person who typed it."""


def add_overrides(command: argparse.ArgumentParser) -> None:
    """Add --public, --backend, --connect, --document-root, --links, --mode and --allow-open."""
    group = command.add_argument_group("what the rule files leave open")
    group.add_argument(
        "--public",
        action="append",
        default=[],
        metavar="URL",
        help="the name browsers use, such as https://www.example.com; may be repeated",
    )
    group.add_argument(
        "--backend", metavar="URL", help="the server behind the proxy, such as http://privateserver:8080"
    )
    group.add_argument(
        "--connect", metavar="HOST:PORT", help="where to reach the backend if its own name does not resolve here"
    )
    group.add_argument(
        "--document-root", metavar="DIRECTORY", help="the site's files, for conditions that ask whether one is there"
    )
    group.add_argument("--links", choices=list(map(str, LinkMode)), help="map the backend's links, for every site")
    group.add_argument("--mode", choices=list(map(str, Mode)), help="do what authors meant, or fail as IIS does")
    group.add_argument(
        "--allow-open",
        action="store_true",
        help="let everybody in where IIS asks clients who they are, and nobody here can (UR026)",
    )


def overrides_of(options: argparse.Namespace) -> Overrides:
    """Return the overrides that were given.

    Raises:
        UsageError: a value is invalid.
    """
    try:
        return parse_overrides(
            options.public,
            options.backend,
            options.links,
            options.mode,
            options.connect,
            options.document_root,
            options.allow_open,
        )
    except ValueError as error:
        name, colon, message = str(error).partition(":")
        raise UsageError(f"--{name.replace('_', '-')}{colon}{message}") from error


def override_settings(options: argparse.Namespace) -> list[str]:
    """Return the overrides that were given as options for mitmproxy, `--set=urlrewrite_NAME=VALUE`.

    Raises:
        UsageError: a value is invalid.
    """
    overrides = overrides_of(options)
    given: list[tuple[str, object]] = [("public", origin) for origin in overrides.public]
    given += [(name, value) for name in ("backend", "links", "mode") if (value := getattr(overrides, name))]
    given += [("connect", options.connect)] if options.connect else []
    given += [("document_root", overrides.document_root)] if overrides.document_root else []
    given += [("allow_open", "true")] if overrides.allow_open else []
    return [f"--set=urlrewrite_{name}={value}" for name, value in given]


def parse_network(text: str) -> str:
    """Parse an address or a network.

    Raises:
        ArgumentTypeError: the text is neither.
    """
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; expected as 10.0.0.7 or 10.0.0.0/8") from None


def parse_workers(text: str) -> int:
    """Parse a number of workers, 1 to 64.

    Raises:
        ArgumentTypeError: the text is no such number.
    """
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of workers, 1 to {MAX_WORKERS}")
    return int(text)
