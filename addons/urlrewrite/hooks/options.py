"""The options of the bundle, and what other options of mitmproxy would break."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from difflib import get_close_matches

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.log import ALERT

from urlrewrite.exchange.rules_in_force import EarlyHints, Recode
from urlrewrite.model import LinkMode, Mode
from urlrewrite.trace.trace import TraceLevel

logger = logging.getLogger("urlrewrite")

DEFAULT_LISTEN = ["http://:8080", "https://:8443"]

AUTO = "auto"
"""The trace level that depends on whether anybody can look at flows."""

_FORMER_LEVELS = {"true": TraceLevel.FULL, "false": TraceLevel.DECISIONS}
"""Values of the option from the time when it was only on or off."""

_REQUIRED = {"connection_strategy": "lazy", "keep_host_header": True, "upstream_cert": False}
"""Without these a request goes to a wrong backend, or its Host is lost before any rule sees it."""

_CONTRADICT = {
    "stream_large_bodies": "large bodies would pass without being rewritten",
    "body_size_limit": "mitmproxy refuses larger bodies before any rule sees them",
    "modify_body": "it changes bodies after the rules have, and no trace shows that",
    "modify_headers": "it changes fields after the rules have, and no trace shows that",
    "map_remote": "it sends requests elsewhere after the rules have decided",
    "map_local": "it responds to requests after the rules have decided",
    "stickycookie": "it repeats cookies past the rules",
    "anticache": "it removes If-None-Match, so that nothing is ever revalidated",
    "anticomp": "it is not needed: coded responses are decoded and encoded again",
    "proxyauth": "a reverse proxy must not ask for proxy credentials",
    "ignore_hosts": "connections of these hosts pass without any rule",
    "tcp_hosts": "connections of these hosts pass without any rule",
}


class Options:
    """The addon that declares the options and reports those that contradict what the bundle does."""

    def load(self, loader: Loader) -> None:
        """Declare the options; mitmweb lists them with their help."""
        loader.add_option(
            "urlrewrite_rules",
            Sequence[str],
            [],
            "Rule files: YAML, web.config, applicationHost.config, .htaccess; several are combined. Saved changes "
            "come into force within two seconds. Without one, the rules of the demo site.",
        )
        loader.add_option(
            "urlrewrite_public",
            Sequence[str],
            [],
            "The name that browsers use, such as https://www.example.com, for a site whose rule file has none.",
        )
        loader.add_option(
            "urlrewrite_backend",
            str,
            "",
            "The server behind the proxy, such as http://privateserver:8080, for sites whose rule file has none.",
        )
        loader.add_option(
            "urlrewrite_connect",
            str,
            "",
            "Where to reach the backend, such as 10.0.0.7:8080, if its own name does not resolve and the rule file "
            "has no `connect`.",
        )
        loader.add_option(
            "urlrewrite_document_root",
            str,
            "",
            "The directory of the site's files, for conditions that ask whether a file is there, for sites whose rule "
            "file has no `documentRoot`.",
        )
        loader.add_option(
            "urlrewrite_links",
            str,
            "",
            "How far links of the backend are mapped to the public name without a rule, for every site; empty: as the "
            "rule files say.",
            choices=["", *map(str, LinkMode)],
        )
        loader.add_option(
            "urlrewrite_mode",
            str,
            "",
            "What becomes of a rule that fails in IIS: it does what its author meant (helpful), or fails as in IIS "
            "(iis); for every site; empty: as the rule files say.",
            choices=["", *map(str, Mode)],
        )
        loader.add_option(
            "urlrewrite_allow_open",
            bool,
            False,
            "Let everybody in where a rule file of IIS or Apache asks clients who they are: that is not done here, and "
            "such a file is not loaded otherwise (UR026).",
        )
        loader.add_option(
            "urlrewrite_listen",
            Sequence[str],
            DEFAULT_LISTEN,
            "Listeners as http://HOST:PORT or https://HOST:PORT; without HOST, on all addresses. Each speaks TLS and "
            "plain HTTP; https:// ones speak HTTP/3 on the UDP port of the same number, too.",
        )
        loader.add_option(
            "urlrewrite_proxy_protocol",
            Sequence[str],
            [],
            "Addresses and networks of balancers that say by the PROXY protocol, version 1 or 2, who the client of a "
            "connection over TCP is. A connection from there without such a header is closed; from anywhere else none "
            "is looked for.",
        )
        loader.add_option(
            "urlrewrite_worker",
            int,
            0,
            "The number, from 1, of this process among several that share their ports, as ./run.sh proxy --workers "
            "starts them. 0: it has its ports for itself.",
        )
        loader.add_option(
            "urlrewrite_drain",
            int,
            30,
            "Seconds that requests under way have to end when the proxy is stopped by SIGTERM or Ctrl-C; those that "
            "take longer are cut, as event streams and WebSockets are. A second signal stops at once.",
        )
        loader.add_option(
            "urlrewrite_pattern_deadline",
            int,
            100,
            "Milliseconds that one pattern may take on a URL, a field or an attribute. A request whose pattern takes "
            "longer gets the response 500.",
        )
        loader.add_option(
            "urlrewrite_body_deadline",
            int,
            2000,
            "Milliseconds that the pattern of a whole-body rule may take on one body.",
        )
        loader.add_option(
            "urlrewrite_threshold",
            int,
            256,
            "Kilobytes up to which a body is held until it is complete: it is sent with its length then, or replaced "
            "by an error. A longer one is rewritten as it comes.",
        )
        loader.add_option(
            "urlrewrite_limit",
            int,
            4096,
            "Kilobytes of a body that is not held that a rule for whole bodies sees at once.",
        )
        loader.add_option(
            "urlrewrite_recode",
            str,
            str(Recode.SAME),
            "How a body that came coded (gzip, br and so on) is sent once it was rewritten: in the same coding (same), "
            "in the same with the least work (fast), or not coded (plain).",
            choices=[*map(str, Recode)],
        )
        loader.add_option(
            "urlrewrite_early_hints",
            str,
            str(EarlyHints.NAVIGATION),
            "Who gets the early hints (103) of backends: browsers that load a page over HTTP/2 or 3 (navigation), "
            "every client but those of HTTP/1.0 (all), or nobody (off).",
            choices=[*map(str, EarlyHints)],
        )
        loader.add_option(
            "urlrewrite_alt_svc",
            int,
            0,
            "Seconds for which browsers remember that they may ask over HTTP/3, as responses over TLS tell them then "
            "(Alt-Svc). 0 tells nobody, so that only those ask over HTTP/3 that know of it otherwise.",
        )
        loader.add_option(
            "urlrewrite_trace",
            str,
            AUTO,
            "How much is traced: each rule and each change (full); what was decided, what was counted and what went "
            "wrong (decisions); nothing that stays with the flow (off). With auto it is full where flows can be "
            "looked at, that is in mitmweb, in the console and with save_stream_file, else decisions.",
            choices=[AUTO, *map(str, TraceLevel)],
        )
        loader.add_option(
            "urlrewrite_trace_header",
            str,
            "",
            "Who gets the field X-Rewrite-Trace in responses: a client's address (192.0.2.7) or network "
            "(192.0.2.0/24), or, as secret:VALUE, whoever sends X-Rewrite-Trace: VALUE. With a secret, responses "
            "with status 206 and 304 and to HEAD do not have it, since caches would give it to others.",
        )
        loader.add_option(
            "urlrewrite_probe",
            bool,
            False,
            "Let browsers say what they refuse: pages get a script that reports it to this proxy, and to nobody else. "
            "Only clients that urlrewrite_trace_header names get it; where that is empty, those on this machine.",
        )
        loader.add_option(
            "urlrewrite_keep_flows",
            int,
            2000,
            "How many flows mitmweb and the console keep, and messages of each WebSocket. The oldest go first, but "
            "flows stay that are marked by hand, intercepted or under way. 0 keeps all.",
        )
        loader.add_option(
            "urlrewrite_originals",
            int,
            64,
            "Megabytes of the responses' bodies as backends sent them that are kept beside those that clients got; the "
            "oldest are dropped first. 0 keeps no response of a backend.",
        )
        loader.add_option(
            "urlrewrite_metrics",
            str,
            "",
            "Where Prometheus finds figures, as HOST:PORT; without HOST only on this machine, at 127.0.0.1. No "
            "password is asked for there. Empty: nowhere. The second of several workers has the next port, and so on.",
        )

    def running(self) -> None:
        """Set the options that the bundle depends on, and report those that contradict it."""
        options = ctx.options
        for name, needed in _REQUIRED.items():
            if getattr(options, name) != needed:
                if options.has_changed(name):
                    logger.log(ALERT, f"option {name}={getattr(options, name)} is overridden: {needed} is needed")
                options.update(**{name: needed})
        if "flow_detail" in options and not options.has_changed("flow_detail"):
            # One line a request is printed by the recorder.
            options.update(flow_detail=0)
        if "web_columns" in options and not options.has_changed("web_columns"):
            # The comment is where the recorder says what was done with a request.
            options.update(web_columns=[*options.web_columns, "comment"])
        report_unknown(list(options.deferred))

    def configure(self, updated: set[str]) -> None:
        """Report options that contradict the bundle, at start and whenever one is set."""
        for name in updated & _CONTRADICT.keys():
            if ctx.options.has_changed(name) and getattr(ctx.options, name):
                logger.log(ALERT, f"option {name} contradicts urlrewrite: {_CONTRADICT[name]}")


def flows_are_kept() -> bool:
    """Say whether somebody may look at flows once they have ended: in mitmweb, in the console, or in a file."""
    options = ctx.options
    has_view = ctx.master.addons.get("view") is not None  # an empty one is false
    return has_view or bool("save_stream_file" in options and options.save_stream_file)


def trace_level() -> TraceLevel:
    """Return how much is to be traced.

    Raises:
        OptionsError: the option is invalid.
    """
    level = ctx.options.urlrewrite_trace
    if level == AUTO:
        return TraceLevel.FULL if flows_are_kept() else TraceLevel.DECISIONS
    try:
        return TraceLevel(_FORMER_LEVELS.get(level, level))
    except ValueError:
        levels = ", ".join([AUTO, *map(str, TraceLevel)])
        raise exceptions.OptionsError(f"urlrewrite_trace: got {level!r}, expected one of {levels}") from None


def report_unknown(names: list[str]) -> None:
    """Report misspelled options, which mitmproxy drops without a word."""
    known = [name for name in ctx.options.keys() if name.startswith("urlrewrite_")]  # noqa: SIM118 (not a dict)
    for name in names:
        if name.startswith(("urlrewrite", "url_rewrite")):
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            logger.log(ALERT, f"unknown option {name}{hint} (known: {', '.join(known)})")
