"""`run.sh why URL`: loads a page in a headless Chromium, through a proxy of its own, and says why it is broken.

The proxy is mitmweb, of whose page *Why broken* the answer is; it, the browser and its profile are gone afterwards. The
browser takes the public names for this proxy, and inner names for ones that do not exist, as visitors have it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from urlrewrite.cli.arguments import COMMAND, PROGRAM, RULES, UsageError, add_overrides, override_settings, overrides_of
from urlrewrite.cli.children import running
from urlrewrite.cli.chromium import PROGRAMS, find_chromium, running_chromium
from urlrewrite.cli.page_load import Loaded, load_page, resolver_rules
from urlrewrite.cli.preflight import LOOPBACK, Listener, StartError, free_port, require_files
from urlrewrite.cli.serve import command, web_options
from urlrewrite.inspector.why_text import differences, why_lines
from urlrewrite.loading.load import load_rules
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.model.problems import RuleFileError
from urlrewrite.witness.statements import Statement, as_data

DEFAULT_SECONDS = 30.0
"""How long a page may take to load, and to come to rest."""

MAX_SECONDS = 600.0
_LOADED_AGAIN = (False, True, False)
"""Loads after the first, which was watched: whether each is watched."""

BROKEN, NOT_EXAMINED = 1, 2
"""Exit codes: something is broken, and that nobody knows. 0: nothing is, warnings aside."""

TRACE_FIELD = "X-Rewrite-Trace"
_XSRF = "2|00000000|00000000000000000000000000000000|1000000000"


class Inspector:
    """The page Why broken of a mitmweb; `address` is that of mitmweb, with its token, which a `password` replaces."""

    def __init__(self, address: str, password: str = "") -> None:
        parts = urlsplit(address)
        self._port = parts.port
        self._token = password or parse_qs(parts.query).get("token", [""])[0]

    def ask(self, **asked: Any) -> Any:
        """Do what is asked for, if anything is, and return what the page shows.

        Raises:
            StartError: mitmweb has no answer.
        """
        fields = {
            "Authorization": f"Bearer {self._token}",
            "Cookie": f"_mitmproxy_xsrf={_XSRF}",
            "X-XSRFToken": _XSRF,
            "Content-Type": "application/json",
        }
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=60)
        try:
            connection.request("POST", "/rewrite/api/broken", json.dumps(asked), fields)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StartError(f"the inspector did not answer: {error}") from None
        finally:
            connection.close()
        if response.status != 200:
            raise StartError(f"the inspector answered: {answer.get('error')}")
        return answer


def why(options: argparse.Namespace, more: Sequence[str]) -> int:
    """Load a page in a headless Chromium, through a proxy with your rules, and say what is broken in it, and why."""
    url, given = _words(options.words)
    program = find_chromium(options.browser)
    if program is None:
        looked_for = options.browser or ", ".join(PROGRAMS)
        raise UsageError(
            f"no Chromium was found (looked for {looked_for}): apt-get install chromium, or --browser PATH"
        )
    parts = urlsplit(url)
    public = origin_of(parts.scheme, parts.netloc)
    if public is None:
        raise UsageError(f"got {url}, expected an absolute URL of a page, such as https://www.example.com/page")
    with contextlib.ExitStack() as stack:
        rules = given or [stack.enter_context(_as_it_is(public, options.backend))]
        if not given:
            more = ["--set=ssl_insecure=true", *more]
        compiled, _ = load_rules(rules, overrides_of(options))
        target = f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
        if compiled.find_site(public.scheme, public.authority, target) is None:
            names = ", ".join(str(name) for site in compiled.rule_set.sites for name in site.public)
            raise UsageError(f"got {url}, expected a page of {names or 'a site of the rules'}")
        listener = Listener("http", LOOPBACK, free_port(), "--listen")
        page = Listener("http", LOOPBACK, free_port(), "--web-port")
        web, address = web_options(page.port, more)
        probe = ["--set=urlrewrite_probe=true", f"--set=urlrewrite_trace_header={LOOPBACK}", "--set=urlrewrite_drain=0"]
        arguments = [*override_settings(options), *web, *probe, *more]
        started = command("mitmweb", ["reverse.py"], require_files(rules), [listener], arguments)
        stack.enter_context(running(started, [listener, page]))
        names = resolver_rules(compiled.rule_set, public, listener.port)
        looking = _look(program, names, url, options, Inspector(address, own_password(more)))
        report = asyncio.run(looking)
    for finding in report["findings"] if not given else ():
        finding["source"] = ""
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(why_lines(report)))
    return BROKEN if report["result"] == "broken" else 0


def own_password(more: Sequence[str]) -> str:
    """Return the password that options for mitmweb give it, "" where there is none.

    Raises:
        UsageError: it is a hash, with which nobody can ask.
    """
    given = [word.removeprefix("--set=") for word in more if word.removeprefix("--set=").startswith("web_password=")]
    password = given[-1].partition("=")[2] if given else ""
    if password.startswith("$"):
        raise UsageError("got the hash of a web_password, expected the password itself, by which mitmweb is asked")
    return password


async def _look(
    program: str, names: str, url: str, options: argparse.Namespace, inspector: Inspector
) -> dict[str, Any]:
    chromium = [f"--host-resolver-rules={names}", "--ignore-certificate-errors"]
    async with running_chromium(program, chromium) as browser:
        reading = await browser.ask("Browser.getVersion")
        watched = await load_page(browser, url, TRACE_FIELD, options.cookie, options.timeout)
        trace = watched.heard.trace_field.partition(";")[0].strip('"')
        said = {"flow": trace, "said": [as_data(each) for each in watched.said]} if trace else {}
        shown = await asyncio.to_thread(inspector.ask, **said)
        only: tuple[list[str], list[str]] = [], []
        if shown["findings"] or watched.said:
            # Is it the page, or is it that somebody watches? What differs once more may differ from load to load.
            loads: dict[bool, list[list[Statement]]] = {True: [watched.said], False: []}
            for probe in _LOADED_AGAIN:
                await asyncio.to_thread(inspector.ask, probe=probe)
                loaded = await load_page(browser, url, TRACE_FIELD, options.cookie, options.timeout)
                loads[probe].append(loaded.said)
                only = differences(loads[True], loads[False])
                if not any(only):
                    break
    return _report(url, str(reading.get("product", "")), watched, only, shown)


def _report(url: str, browser: str, watched: Loaded, only: tuple[list[str], list[str]], shown: Any) -> dict[str, Any]:
    only_watched, only_unwatched = only
    findings = shown["findings"]
    errors = any(finding["severity"] == "error" for finding in findings)
    if watched.failed:
        cause = f"The browser got no page: {watched.failed}."
        cause += f" {shown['cause']}" if findings else ""
    else:
        cause = f"Nothing was found to be broken in {url}." if not findings else shown["cause"]
    return {
        "url": watched.heard.url or url,
        "status": watched.heard.status or None,
        "browser": browser,
        "result": "broken" if errors or watched.failed else "warnings" if findings else "sound",
        "cause": cause,
        "failed": watched.failed,
        "requests": len(shown["resources"]),
        "problems": shown["problems"],
        "findings": findings,
        "said": [as_data(each) for each in watched.said],
        "under_way": [] if watched.settled or watched.failed else watched.heard.under_way,
        "only_watched": only_watched,
        "only_unwatched": only_unwatched,
        "why_not": shown["probe"]["why_not"],
    }


@contextlib.contextmanager
def _as_it_is(public: Origin, backend: str | None) -> Iterator[str]:
    """Yield a rule file by which a site is what its server makes of it: without rules the proxy only listens."""
    with tempfile.TemporaryDirectory(prefix="urlrewrite-why-") as folder:
        file = Path(folder) / "as-it-is.yaml"
        file.write_text(f"public: {public}\nbackend: {backend or public}\n", encoding="utf-8")
        yield str(file)


def _words(words: Sequence[str]) -> tuple[str, list[str]]:
    urls = [word for word in words if word.startswith(("http://", "https://"))]
    if len(urls) != 1:
        raise UsageError(f"got {' '.join(words)}, expected one absolute URL and rule files")
    return urls[0], [word for word in words if word not in urls]


def _cookie(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=VALUE")
    return name.strip(), value.strip()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of seconds, up to {MAX_SECONDS:.0f}")
    return seconds


def parser() -> argparse.ArgumentParser:
    """Return the parser of everything before `--`."""
    top = argparse.ArgumentParser(
        prog=f"{COMMAND} why",
        description=why.__doc__,
        usage=f"{COMMAND} why URL [RULES...] [OPTIONS] [-- MITMWEB OPTIONS]",
        epilog="Without RULES the page is taken from where it is, and nothing is rewritten. Certificates are not "
        "examined. Exit code: 0 if nothing is broken, 1 if something is, 2 if the page could not be examined.",
        allow_abbrev=False,
    )
    top.add_argument("words", nargs="+", metavar="URL [RULES...]", help=f"the page's absolute public URL; {RULES}")
    top.add_argument("--json", action="store_true", help="print the diagnosis as a JSON object")
    top.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_SECONDS,
        metavar="SECONDS",
        help=f"how long the page may take until it asks for nothing more (default: {DEFAULT_SECONDS:.0f})",
    )
    top.add_argument(
        "--cookie",
        type=_cookie,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a cookie that the browser has, of a login perhaps; may be repeated",
    )
    top.add_argument(
        "--browser", default="", metavar="PROGRAM", help="the Chromium to use (default: the one installed)"
    )
    add_overrides(top)
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    top = parser()
    options, rest = top.parse_known_args(arguments[:end])
    if any(word.startswith("-") for word in rest):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    options.words += rest
    try:
        return why(options, arguments[end + 1 :])
    except RuleFileError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except (StartError, UsageError) as problem:
        print(f"{PROGRAM} why: {problem}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return NOT_EXAMINED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
