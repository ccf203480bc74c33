"""What can have changed something in a response: a rule, the link map, or what this proxy does to every response."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChangeCause:
    """A rule by its name, or, where `is_rule` is false, the reason as a phrase."""

    name: str
    is_rule: bool = True

    @property
    def label(self) -> str:
        """How it is written: `rule "old links"`, `links`."""
        return f'rule "{self.name}"' if self.is_rule else self.name


LINKS = ChangeCause("links", is_rule=False)
"""The link map, and the digests of what it changed."""
