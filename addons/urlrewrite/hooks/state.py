"""What the hooks share: the rules in force and the exchanges under way."""

from __future__ import annotations

from dataclasses import dataclass, field

from urlrewrite.answers import Answer
from urlrewrite.exchange import Exchange, ResponseHead
from urlrewrite.in_force import RulesInForce


@dataclass(slots=True)
class Live:
    """An exchange under way.

    `own` tells that the answer is ours; `failed` that it was replaced by an error, which is `unsent` as long as it is.
    """

    exchange: Exchange
    head: ResponseHead | None = None
    own: bool = False
    failed: bool = False
    unsent: list[Answer] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """One per bundle. `live` holds exchanges by flow id, from their request until their answer or error."""

    in_force: RulesInForce | None = None
    live: dict[str, Live] = field(default_factory=dict)
