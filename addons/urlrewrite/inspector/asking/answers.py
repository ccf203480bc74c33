"""What came of asking a backend again: which request is sent next, and which answer is better."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from urlrewrite.inspector.asking.request_changes import REFINES, AskedKind, Planned
from urlrewrite.model.field_lines import FieldLines, field_values

MAX_ASKED = 20
"""Requests that one experiment may send."""

_ABOUT_THE_WAY = frozenset(
    {AskedKind.OTHER_TLS, AskedKind.OTHER_VERSION, AskedKind.OTHER_HOST, AskedKind.OTHER_URL, AskedKind.OTHER_SCHEME}
)
"""Kinds of change after which a redirect is an answer, too: the backend is reached at last."""

_COOKIES = frozenset({AskedKind.WITHOUT_COOKIES, AskedKind.WITHOUT_COOKIE, AskedKind.FEWER_COOKIES})
_MEANT_FOR_A_PERSON = frozenset({401, 403, 404, 410})
"""Statuses of which nothing follows if another person, or none, gets another answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A backend's answer: its status, or what failed where none came; `fields` are those of its head."""

    status: int | None
    fields: FieldLines = ()
    failure: str = ""

    @property
    def text(self) -> str:
        """Status or failure, with where it redirects to."""
        if self.status is None:
            return self.failure or "no answer"
        location = next(iter(field_values(self.fields, "location")), "")
        return f"{self.status} to {location}" if location else str(self.status)


@dataclass(slots=True)
class Asked:
    """An experiment: the requests that are planned, and the answers to those that were sent, in their order.

    `recorded` is the status that is to be explained, None where no answer came.
    """

    planned: list[Planned]
    recorded: int | None
    answers: list[tuple[Planned, Answer]] = field(default_factory=list)

    @property
    def base(self) -> Answer | None:
        """The answer to the request as it was."""
        return self.answers[0][1] if self.answers else None

    @property
    def is_reproduced(self) -> bool:
        """Say whether the request as it was fails as it did: of what comes otherwise each time, nothing follows."""
        return self.base is not None and self.base.status == self.recorded

    def next(self) -> Planned | None:
        """Return the request to send next; None where nothing more is to be learned, or enough was sent."""
        done = {id(planned) for planned, _ in self.answers}
        if len(self.answers) >= MAX_ASKED or (self.base and not self.is_reproduced):
            return None
        return next((each for each in self.planned if id(each) not in done and self._is_wanted(each)), None)

    def _is_wanted(self, planned: Planned) -> bool:
        larger = REFINES.get(planned.kind)
        return larger is None or any(each.kind is larger for each in self.better())

    def better(self) -> list[Planned]:
        """Return the requests that got a better answer than the one as it was."""
        base = self.base
        return [planned for planned, answer in self.answers[1:] if base and is_better(base, planned, answer)]


def is_better(base: Answer, planned: Planned, answer: Answer) -> bool:
    """Say whether a change made the answer good."""
    if answer.status is None or not 200 <= answer.status < 400:
        return False
    if planned.kind in _COOKIES and base.status in _MEANT_FOR_A_PERSON:
        return False
    if answer.status < 300:
        return True
    was_refused = base.status is None or base.status >= 400
    location = next(iter(field_values(answer.fields, "location")), "")
    leads_back = _path(location) == planned.sent.target.partition("?")[0]
    return planned.kind in _ABOUT_THE_WAY and was_refused and answer.status != 304 and not leads_back


def _path(location: str) -> str:
    """Return the path of a Location, or the whole of one that is no URL: backends write what they like."""
    try:
        return urlsplit(location).path
    except ValueError:
        return location
