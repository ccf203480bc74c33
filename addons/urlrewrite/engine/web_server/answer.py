"""How a section beside `<rewrite>` responds in place of rules and backend."""

from __future__ import annotations

from dataclasses import dataclass, field

from urlrewrite.model import Source
from urlrewrite.trace.reasons import Reason, Values


@dataclass(frozen=True, slots=True)
class SectionAnswer:
    """The response of a section, by its path below `<system.webServer>` and the place of the entry that decided.

    `iis_status` is status and sub-status of IIS ("404.5"), "" where the connection is closed. `message` is what IIS's
    page says of it.
    """

    section: str
    source: Source
    iis_status: str
    reason: Reason
    message: str = ""
    values: Values = field(default_factory=Values)
