"""The pages of the inspector, in the order of its navigation.

The page NAME is a row here, `NAME.py` beside this file, whose `data(snapshot, query)` returns what it shows, and
`web/static/pages/NAME.js`, which shows it (`web/static/lib.js` says how); its address is `/rewrite#/NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    `of_a_flow` says that the flow which a person looks at stays chosen when they go there, `follows` that it is shown
    anew whenever the traffic changes what it shows; a page with something that a person writes does not.
    """

    name: str
    label: str
    of_a_flow: bool = False
    follows: bool = False


PAGES = (
    Page("flow", "Flow", of_a_flow=True, follows=True),
    Page("rules", "Rules", follows=True),
    Page("leaks", "Leaks", of_a_flow=True, follows=True),
    Page("try_out", "Try", of_a_flow=True),
    Page("what_if", "What if"),
    Page("broken", "Why broken", of_a_flow=True, follows=True),
    Page("health", "Health", follows=True),
    Page("farms", "Farms", follows=True),
)
