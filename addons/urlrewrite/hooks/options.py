"""The options of the bundle, and what other options of mitmproxy would break."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from difflib import get_close_matches

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.log import ALERT

from urlrewrite.in_force import Recode
from urlrewrite.model import LinkMode, Mode

logger = logging.getLogger("urlrewrite")

DEFAULT_LISTEN = ["http://:8080", "https://:8443"]

_REQUIRED = {"connection_strategy": "lazy", "keep_host_header": True, "upstream_cert": False}
"""Without these a request goes to a wrong backend, or its Host is lost before any rule sees it."""

_CONTRADICT = {
    "stream_large_bodies": "large bodies would pass without being rewritten",
    "body_size_limit": "mitmproxy refuses larger bodies before any rule sees them",
    "modify_body": "it changes bodies after the rules have, and no trace tells",
    "modify_headers": "it changes fields after the rules have, and no trace tells",
    "map_remote": "it sends requests elsewhere after the rules have decided",
    "map_local": "it answers requests after the rules have decided",
    "stickycookie": "it repeats cookies past the rules",
    "anticache": "it removes If-None-Match, so that nothing is ever revalidated",
    "anticomp": "it is not needed: coded answers are decoded and encoded again",
    "proxyauth": "a reverse proxy must not ask for proxy credentials",
    "ignore_hosts": "connections of these hosts pass without any rule",
    "tcp_hosts": "connections of these hosts pass without any rule",
}


class Options:
    """Declares the options and reports those that contradict what the bundle does."""

    def load(self, loader: Loader) -> None:
        """Declares the options; mitmweb lists them with their help."""
        loader.add_option(
            "urlrewrite_rules",
            Sequence[str],
            [],
            "Rule files: YAML, web.config, applicationHost.config, .htaccess; several are put together. Saved changes "
            "come into force within two seconds. Without one, the rules of the demo site.",
        )
        loader.add_option(
            "urlrewrite_public",
            Sequence[str],
            [],
            "The name that browsers use, as https://www.example.com, for a site whose rule file does not say it.",
        )
        loader.add_option(
            "urlrewrite_backend",
            str,
            "",
            "What is behind the proxy, as http://privateserver:8080, for sites whose rule file does not say it.",
        )
        loader.add_option(
            "urlrewrite_connect",
            str,
            "",
            "Where to reach the backend, as 10.0.0.7:8080, where its own name does not resolve and its rule file does "
            "not say it.",
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
            "What becomes of a rule that fails in IIS: it does what its author meant (helpful), or is answered as IIS "
            "does (iis); for every site; empty: as the rule files say.",
            choices=["", *map(str, Mode)],
        )
        loader.add_option(
            "urlrewrite_listen",
            Sequence[str],
            DEFAULT_LISTEN,
            "Listeners as http://HOST:PORT or https://HOST:PORT; without HOST, on all addresses. Each speaks TLS and "
            "plain HTTP; https:// ones speak HTTP/3 on the UDP port of the same number, too.",
        )
        loader.add_option(
            "urlrewrite_pattern_deadline",
            int,
            100,
            "Milliseconds that one pattern may take on a URL, a field or an attribute. A request whose pattern takes "
            "longer is answered with 500.",
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
            "Kilobytes up to which a body is held until it is complete: it is sent with its length then, or answered "
            "with an error. A longer one is rewritten as it comes.",
        )
        loader.add_option(
            "urlrewrite_limit",
            int,
            4096,
            "Kilobytes of the windows through which rules for whole bodies see a body that is not held.",
        )
        loader.add_option(
            "urlrewrite_recode",
            str,
            str(Recode.SAME),
            "How a body that came coded (gzip, br and so on) is sent when it was rewritten: in the same coding (same), "
            "in the same with the least work (fast), or not coded (plain).",
            choices=[*map(str, Recode)],
        )
        loader.add_option(
            "urlrewrite_trace",
            bool,
            True,
            "Keep a full trace with every flow. Without it, only warnings, errors and the decision are kept.",
        )

    def running(self) -> None:
        """Sets what the bundle cannot do without, and reports the rest."""
        options = ctx.options
        for name, needed in _REQUIRED.items():
            if getattr(options, name) != needed:
                if options.has_changed(name):
                    logger.log(ALERT, f"option {name}={getattr(options, name)} cannot be kept: {needed} is needed")
                options.update(**{name: needed})
        if "flow_detail" in options and not options.has_changed("flow_detail"):
            # One line a request is printed by the recorder.
            options.update(flow_detail=0)
        if "web_columns" in options and not options.has_changed("web_columns"):
            # The comment is where the recorder says what was done with a request.
            options.update(web_columns=[*options.web_columns, "comment"])
        report_unknown(list(options.deferred))

    def configure(self, updated: set[str]) -> None:
        """Reports options that contradict the bundle, at start and whenever one is set."""
        for name in updated & _CONTRADICT.keys():
            if ctx.options.has_changed(name) and getattr(ctx.options, name):
                logger.log(ALERT, f"option {name} contradicts urlrewrite: {_CONTRADICT[name]}")


def report_unknown(names: list[str]) -> None:
    """Reports misspelled options, which mitmproxy drops without a word."""
    known = [name for name in ctx.options.keys() if name.startswith("urlrewrite_")]  # noqa: SIM118 (not a dict)
    for name in names:
        if name.startswith(("urlrewrite", "url_rewrite")):
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            logger.log(ALERT, f"unknown option {name}{hint} (known: {', '.join(known)})")
