"""A rule that decides by who asks, and refused a client: how to let in that client, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address

from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.routes import acting_blocks
from urlrewrite.inspector.experiments.edits import Edit
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.model import Condition, InboundRule
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import flag, text

_WHO = frozenset({"{REMOTE_ADDR}", "{REMOTE_HOST}", "{REMOTE_USER}", "{LOGON_USER}", "{HTTP_X_FORWARDED_FOR}"})


def asks_who(rule: InboundRule) -> bool:
    """Say whether a rule has a condition on who asks."""
    return any(item.input.upper() in _WHO for item in rule.conditions.items)


def let_in(about: About, rule: InboundRule, reaches: Callable[[Edit], bool | None]) -> Iterator[Remedy]:
    """Yield how to let one client in. What opened the path would open it to everyone."""
    values = {
        text(event, "input").upper(): text(event, "expanded_input")
        for block in acting_blocks(about.case, about.exchange)
        if block.name == rule.name
        for event in block.all(Name.CONDITION_EVALUATION)
        if flag(event, "succeeded")
    }
    who = "The rule decides by who asks. If this client is to be kept out, nothing is wrong."
    for number, item in enumerate(rule.conditions.items):
        value = values.get(item.input.upper(), "")
        # Without a value it is anybody.
        if item.input.upper() not in _WHO or not value:
            continue
        one = f"^{escaped(value)}$"
        if item.negate:
            pattern = f"{item.pattern}|{one}"
            how = f"set the pattern of its condition on {item.input} to {pattern}"
            change = parts.condition_changed(number, pattern=pattern)
        else:
            how = f"add a condition on {item.input} with the pattern {one} and negate: true"
            change = parts.condition_added(Condition(item.input, one, negate=True))
        todo = f"{who}{_whose(value)} If it is the client itself, and may come in, {how}."
        yield Remedy(todo, about.changed(change), reaches)
    yield Remedy(f"{who} If it may come in, correct the conditions of the rule; an exemption by URL would let in all.")


def _whose(address: str) -> str:
    """Return a sentence about an address that many clients can have."""
    try:
        known = ip_address(address)
    except ValueError:
        return ""
    if not (known.is_loopback or known.is_private):
        return ""
    whose = "this machine" if known.is_loopback else "a client of your own network"
    return (
        f" {address} is {whose}, or another proxy that stands in front of this one. In the second case all visitors "
        "come from it: do not let it in, but test the last address of {HTTP_X_FORWARDED_FOR}, which that proxy writes, "
        "in place of {REMOTE_ADDR}."
    )
