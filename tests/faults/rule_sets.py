"""The rules that stand before a faulty backend."""

from __future__ import annotations

from typing import Any

from faults.scripts import INNER

SITE = f"""\
public: [https://localhost, http://localhost]
backend: http://{INNER}:{{port}}
connect: 127.0.0.1:{{port}}
backendNames: [http://{INNER}]
timeouts: {{response: {{patience}}, idle: {{patience}}}}
"""
REWRITES = """\
preConditions:
  html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]
outboundRules:
  - name: body
    preCondition: html
    match: {pattern: before}
    action: {type: Rewrite, value: after}
  - name: tags
    preCondition: html
    match: {filterByTags: A, pattern: '^(.*)/x$'}
    action: {type: Rewrite, value: '{R:1}/y'}
"""
FARM = f"""\
public: [https://localhost, http://localhost]
backend: http://shop
backendNames: [http://{INNER}]
farms:
  shop:
    servers: ['127.0.0.1:{{port}}', {{address: localhost, httpPort: {{spare}}, backup: true}}]
    retry: {{budget: 100%}}
    timeouts: {{response: {{patience}}, idle: {{patience}}}}
"""

RULE_SETS: dict[str, tuple[str, dict[str, Any]]] = {
    "none": (f"{SITE}links: off\n", {}),
    "rewriting": (SITE + REWRITES, {}),
    "streamed": (SITE + REWRITES, {"urlrewrite_threshold": 0}),
    "farm": (FARM + REWRITES, {}),
}
"""Rule file and options: nothing rewritten; everything, held while it is short; everything as it comes; two servers."""


def rule_file(name: str, *, port: int, spare: int, patience: str) -> str:
    """The rule file of a set; `spare` is the port of the server that gets what the other one failed at."""
    text = RULE_SETS[name][0]
    for word, value in {"port": port, "spare": spare, "patience": patience}.items():
        text = text.replace(f"{{{word}}}", str(value))
    return text.replace("{{", "{").replace("}}", "}")


def page_after(page: str, rule_set: str, public: str) -> str:
    """What the rules make of the page of `scripts.py`."""
    if rule_set == "none":
        return page
    return page.replace("before", "after").replace(f"http://{INNER}/x", f"{public}/y")
