"""Fields that let the browser itself report, where the script cannot hear or has not run (W3C Reporting API).

Each policy that is in force gets a twin that only reports: it is broken whenever the policy is, and changes nothing.
Its reports come here and the policy's own go where they went before. Failed requests are reported by Network Error
Logging, which browsers remember: for a short while. All of it is for public names by https; browsers do nothing
elsewhere.
"""

from __future__ import annotations

import json

from urlrewrite.model.field_lines import FieldLine, FieldLines, field_values

NAME = "rewrite-probe"
"""The endpoint's name in policies."""

MAX_AGE = 120
"""Seconds for which a browser logs failed requests."""

MAX_TWIN = 4000
"""Characters of a policy that gets a twin: fields of a response may not become too long together."""

_POLICY = "content-security-policy"
_NOT_IN_TWINS = frozenset(
    {"report-uri", "report-to", "sandbox", "upgrade-insecure-requests", "block-all-mixed-content"}
)
"""Directives that a policy that only reports does not have, or that are for another collector."""

_ISOLATION = ("Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy")


def reporting_fields(page: FieldLines, url: str) -> FieldLines:
    """Return the fields to be added to those of a page, so that its browser reports to an absolute URL."""
    if not url.startswith("https://"):
        return ()
    added: list[FieldLine] = [("Reporting-Endpoints", f'{NAME}="{url}"')]
    for value in field_values(page, _POLICY):
        added += (
            ("Content-Security-Policy-Report-Only", twin) for policy in value.split(",") if (twin := _twin(policy))
        )
    for name in _ISOLATION:
        in_force = next(iter(field_values(page, name.lower())), "").partition(";")[0].strip()
        if in_force and not field_values(page, f"{name.lower()}-report-only"):
            added.append((f"{name}-Report-Only", f'{in_force}; report-to="{NAME}"'))
    if not field_values(page, "nel"):
        group = {"group": NAME, "max_age": MAX_AGE, "endpoints": [{"url": url}]}
        added.append(("Report-To", json.dumps(group)))
        added.append(("NEL", json.dumps({"report_to": NAME, "max_age": MAX_AGE, "failure_fraction": 1})))
    return tuple(added)


def _twin(policy: str) -> str:
    parts = [part.strip() for part in policy.split(";")]
    kept = [part for part in parts if part and part.split()[0].lower() not in _NOT_IN_TWINS]
    twin = "; ".join([*kept, f"report-to {NAME}"])
    return twin if kept and len(twin) <= MAX_TWIN else ""
