"""What an edit of rules has to do for a request, where nobody has seen what the backend then answers."""

from __future__ import annotations

from collections.abc import Callable

from urlrewrite.exchange.responses import Forward, LocalResponse
from urlrewrite.inspector.diagnose.case import path_of
from urlrewrite.inspector.experiments.edits import Edit
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.remedies.proposal import About
from urlrewrite.inspector.remedies.trying import Trying

type Judge = Callable[[Edit], bool | None]


def reaches(trying: Trying, exchange: RecordedExchange, path: str = "") -> Judge:
    """Judge an edit by whether the backend is asked then, for a path if one is given: whether it has that, nobody has
    seen.
    """

    def judge(edit: Edit) -> bool | None:
        routing = trying.routing(edit, exchange)
        if not isinstance(routing, Forward):
            return False
        return False if path and path_of(routing.url).partition("?")[0] != path else None

    return judge


def goes_elsewhere(trying: Trying, about: About) -> Judge:
    """Judge an edit by whether something else becomes of the request."""

    def judge(edit: Edit) -> bool | None:
        routing = trying.routing(edit, about.exchange)
        if isinstance(routing, Forward):
            return None if routing.url != about.case.backend_url(about.exchange) else False
        return None if isinstance(routing, LocalResponse) else False

    return judge
