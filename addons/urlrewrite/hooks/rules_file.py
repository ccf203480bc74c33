"""The rule files: loaded, and loaded again when one is saved.

A new set comes into force as a whole or not at all: while a file is broken, the last good rules stay.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.log import ALERT

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.engine.compile import CompiledRules
from urlrewrite.exchange.rules_in_force import EarlyHints, Recode, RulesInForce, Settings
from urlrewrite.hooks.options import trace_level
from urlrewrite.hooks.state import State
from urlrewrite.hooks.watching import repeat, take_all
from urlrewrite.loading.file_stamps import Stamp, stamp
from urlrewrite.loading.load import load_rules
from urlrewrite.loading.overrides import NO_OVERRIDES, Overrides, parse_overrides
from urlrewrite.loading.project import project
from urlrewrite.model.problems import Problem, RuleFileError

logger = logging.getLogger("urlrewrite.rules")

POLL_SECONDS = 0.5

OVERRIDES = (
    "urlrewrite_public",
    "urlrewrite_backend",
    "urlrewrite_links",
    "urlrewrite_mode",
    "urlrewrite_connect",
    "urlrewrite_document_root",
    "urlrewrite_allow_open",
)

DEFAULT_RULES = project() / "rules" / "default.yaml"

type _Read = tuple[CompiledRules, tuple[Problem, ...]] | RuleFileError


class RulesFile:
    """The addon that keeps `state.in_force` at what the files say. Each of `on_change` is called after each change."""

    def __init__(self, state: State, *on_change: Callable[[], None]) -> None:
        self._state = state
        self._on_change = on_change
        self._paths: list[str] = []
        self._overrides = NO_OVERRIDES
        self._named: tuple[str, ...] = ()
        self._stamp: Stamp = ()
        self._watcher: asyncio.Task[None] | None = None

    def configure(self, updated: set[str]) -> None:
        """Load the rules when their files or settings are set.

        Raises:
            OptionsError: an option is invalid.
        """
        if updated & {
            "urlrewrite_rules",
            *OVERRIDES,
            "urlrewrite_trace",
            "urlrewrite_pattern_deadline",
            "urlrewrite_body_deadline",
            "urlrewrite_threshold",
            "urlrewrite_limit",
            "urlrewrite_recode",
            "urlrewrite_early_hints",
        }:
            self._overrides = overrides()
            self._paths = list(ctx.options.urlrewrite_rules) or [str(DEFAULT_RULES)]
            self._stamp = stamp(self._watched())
            self._load()
        elif "save_stream_file" in updated and self._state.in_force:
            self._state.in_force = replace(self._state.in_force, settings=settings())

    def running(self) -> None:
        """Start to watch the files."""
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(repeat(self._look, POLL_SECONDS, logger))

    def done(self) -> None:
        """Stop watching."""
        if self._watcher:
            self._watcher.cancel()
            self._watcher = None

    def reload(self) -> bool:
        """Load the files again; say whether they came into force."""
        self._stamp = stamp(self._watched())
        return self._load()

    async def _look(self) -> None:
        """Take up files that were saved."""
        found = stamp(self._watched())
        if found == self._stamp:
            return
        self._stamp, arguments = found, (self._paths, self._overrides)
        # Thousands of rules take seconds, in which requests go on.
        read, seconds = await asyncio.to_thread(_read_timed, *arguments)
        if arguments == (self._paths, self._overrides):
            self._take(read, seconds)

    def _watched(self) -> Sequence[str]:
        """Return the files as given, those of the rules in force, and those that were named when reading failed."""
        known = self._state.in_force.rules.rule_set.files if self._state.in_force else ()
        return sorted({*(str(Path(path).resolve()) for path in self._paths), *known, *self._named})

    def _watch_also(self) -> None:
        """Watch newly named files as well; what was watched already keeps the state in which it was read."""
        known = {item[0]: item for item in self._stamp}
        self._stamp = tuple(known.get(item[0], item) for item in stamp(self._watched()))

    def _load(self) -> bool:
        return self._take(*_read_timed(self._paths, self._overrides))

    def _take(self, read: _Read, seconds: float) -> bool:
        """Put into force what was read, or report what is wrong with it."""
        again = self._state.in_force is not None
        if isinstance(read, RuleFileError):
            self._named = read.rule_set.files if read.rule_set else ()
            self._watch_also()
            for problem in read.problems:
                logger.error(str(problem))
            self._state.statistics.reload(False, seconds, map(str, read.problems))
            if again:
                logger.error("The rule files were not loaded; the last good rules stay in force.")
            return False
        self._named = ()
        compiled, warnings = read
        for warning in warnings:
            logger.warning(str(warning))
        rule_set = compiled.rule_set
        self._state.in_force = RulesInForce(compiled, settings())
        self._state.memory = AssetMemory()
        self._state.statistics.reload(True, seconds, map(str, warnings), fingerprint=rule_set.fingerprint)
        self._watch_also()
        sites = ", ".join(
            f"{site.name} ({next(iter(site.public), 'every name')}{site.path} <- "
            f"{f'{site.backend}{site.backend_path}' if site.backend else 'as rules say'})"
            for site in rule_set.sites
        )
        logger.log(ALERT if again else logging.INFO, f"Rules {rule_set.fingerprint} in force: {sites}")
        take_all(self._on_change, logger)
        return True


def _read(paths: Sequence[str], overrides: Overrides) -> _Read:
    try:
        return load_rules(paths, overrides)
    except RuleFileError as error:
        return error


def _read_timed(paths: Sequence[str], overrides: Overrides) -> tuple[_Read, float]:
    began = time.perf_counter()
    return _read(paths, overrides), time.perf_counter() - began


def settings() -> Settings:
    """Return what the options say for the whole proxy.

    Raises:
        OptionsError: an option is invalid.
    """
    options = ctx.options
    return Settings(
        pattern_deadline=options.urlrewrite_pattern_deadline / 1000,
        body_deadline=options.urlrewrite_body_deadline / 1000,
        threshold=options.urlrewrite_threshold * 2**10,
        limit=options.urlrewrite_limit * 2**10,
        recode=Recode(options.urlrewrite_recode),
        early_hints=EarlyHints(options.urlrewrite_early_hints),
        trace=trace_level(),
    )


def overrides() -> Overrides:
    """Return what the options say outside the rule files.

    Raises:
        OptionsError: an option is invalid.
    """
    options = ctx.options
    try:
        return parse_overrides(*(getattr(options, name) for name in OVERRIDES))
    except ValueError as error:
        raise exceptions.OptionsError(f"urlrewrite_{error}") from error
