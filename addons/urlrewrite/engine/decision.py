"""What the inbound rules decided: one value that the exchange carries out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from urlrewrite.engine.rule_mounts import RuleMount
from urlrewrite.model.origin import Origin


class Outcome(StrEnum):
    """The kinds of a decision, by the names of IIS's actions; `NONE` is "no rule changed the URL"."""

    NONE = "None"
    REWRITE = "Rewrite"
    REDIRECT = "Redirect"
    CUSTOM_RESPONSE = "CustomResponse"
    ABORT_REQUEST = "AbortRequest"


@dataclass(slots=True)
class Decision:
    """The result of a rule set for one request.

    `origin` is where to send the request if a rule named one, else None for the site's own backend; `target` is path
    and query as they go on the wire. `location` is absolute. `fields` are request fields that rules set, by lower-case
    name, None standing for "remove". `mount` is that of the rule that named the origin. `rules` are the names of the
    rules that acted, in order. `logged_url` is what IIS would write into its log for the URL: path and query after a
    rule with logRewrittenUrl, else "".
    """

    outcome: Outcome = Outcome.NONE
    origin: Origin | None = None
    target: str = "/"
    status: int = 0
    sub_status: int = 0
    reason: str = ""
    description: str = ""
    location: str = ""
    logged_url: str = ""
    mount: RuleMount | None = None
    fields: dict[str, str | None] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)

    @property
    def forwards(self) -> bool:
        """Whether the request is forwarded to a backend."""
        return self.outcome in (Outcome.NONE, Outcome.REWRITE)
