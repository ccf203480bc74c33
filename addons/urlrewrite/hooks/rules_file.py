"""Loads the rule files, and loads them again when one is saved.

A new set comes into force as a whole or not at all: while a file is broken, the last good rules stay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.log import ALERT

from urlrewrite.engine.compile import compile_rules
from urlrewrite.formats.rule_files import load
from urlrewrite.hooks.state import State
from urlrewrite.in_force import RulesInForce, Settings
from urlrewrite.lint.linter import judge
from urlrewrite.overrides import NO_OVERRIDES, Overrides, fill_in, parse_overrides
from urlrewrite.problems import RuleFileError

logger = logging.getLogger("urlrewrite.rules")

POLL_SECONDS = 0.5

OVERRIDES = ("urlrewrite_public", "urlrewrite_backend", "urlrewrite_links", "urlrewrite_mode")

DEFAULT_RULES = Path(__file__).parents[3] / "rules" / "default.yaml"

type Stamp = tuple[tuple[str, int, int], ...]


class RulesFile:
    """Keeps `state.in_force` at what the files say. `on_change` is called after each change."""

    def __init__(self, state: State, on_change: Callable[[], None]) -> None:
        self._state = state
        self._on_change = on_change
        self._paths: list[str] = []
        self._overrides = NO_OVERRIDES
        self._stamp: Stamp = ()
        self._watcher: asyncio.Task[None] | None = None

    def configure(self, updated: set[str]) -> None:
        """Loads the rules when their files or settings are set. Raises OptionsError for what is no address."""
        if updated & {
            "urlrewrite_rules",
            *OVERRIDES,
            "urlrewrite_trace",
            "urlrewrite_pattern_deadline",
            "urlrewrite_body_deadline",
            "urlrewrite_threshold",
            "urlrewrite_limit",
        }:
            self._overrides = overrides()
            self._paths = list(ctx.options.urlrewrite_rules) or [str(DEFAULT_RULES)]
            self._stamp = stamp(self._watched())
            self._load()

    def running(self) -> None:
        """Starts to watch the files."""
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    def done(self) -> None:
        """Stops watching."""
        if self._watcher:
            self._watcher.cancel()
            self._watcher = None

    def reload(self) -> bool:
        """Loads the files again; whether they came into force."""
        self._stamp = stamp(self._watched())
        return self._load()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if stamp(self._watched()) != self._stamp:
                self.reload()

    def _watched(self) -> Sequence[str]:
        """The files as given, and those that a good set has named on its way."""
        known = self._state.in_force.rules.rule_set.files if self._state.in_force else ()
        return sorted({*(str(Path(path).resolve()) for path in self._paths), *known})

    def _load(self) -> bool:
        options = ctx.options
        settings = Settings(
            pattern_deadline=options.urlrewrite_pattern_deadline / 1000,
            body_deadline=options.urlrewrite_body_deadline / 1000,
            threshold=options.urlrewrite_threshold * 2**10,
            limit=options.urlrewrite_limit * 2**10,
            trace=options.urlrewrite_trace,
        )
        again = self._state.in_force is not None
        try:
            rule_set, warnings = load(self._paths)
            rule_set = fill_in(rule_set, self._overrides)
            compiled, more = compile_rules(rule_set)
        except RuleFileError as error:
            for problem in error.problems:
                logger.error(str(problem))
            if again:
                logger.error("The rule files were not loaded; the last good rules stay in force.")
            return False
        for warning in judge(rule_set, (*warnings, *more)):
            logger.warning(str(warning))
        if not compiled.allowed_hosts:
            logger.warning(
                "No rule file names a backend: what no rule answers gets 404. Set urlrewrite_backend, or let "
                "a rule rewrite to an absolute URL."
            )
        self._state.in_force = RulesInForce(compiled, settings)
        sites = ", ".join(
            f"{site.name} ({next(iter(site.public), 'every name')} <- {site.backend or 'as rules say'})"
            for site in rule_set.sites
        )
        logger.log(ALERT if again else logging.INFO, f"Rules {rule_set.fingerprint} in force: {sites}")
        self._on_change()
        return True


def overrides() -> Overrides:
    """What the options say beside the rule files. Raises OptionsError."""
    options = ctx.options
    try:
        return parse_overrides(
            options.urlrewrite_public, options.urlrewrite_backend, options.urlrewrite_links, options.urlrewrite_mode
        )
    except ValueError as error:
        raise exceptions.OptionsError(f"urlrewrite_{error}") from error


def stamp(paths: Sequence[str]) -> Stamp:
    """What changes when one of the files does; a file that is not there counts as well."""
    stamps = []
    for path in paths:
        try:
            status = Path(path).stat()
        except OSError:
            stamps.append((path, 0, -1))
        else:
            stamps.append((path, status.st_mtime_ns, status.st_size))
    return tuple(stamps)
