"""Calls, for an event, the addons that take it, in place of asking each one by one.

mitmproxy walks all addons for each event, eight times a request. Here a table of each event has the addons that take
it. Before it is used it is compared with the addons that are there, and whoever had no handler is asked in one go, so
that addons may come and go, and handlers as well, as they may with mitmproxy. Nobody has to announce that.

Two things are seen later than mitmproxy sees them. What changes below one of the top-level addons while it takes an
event counts from the next event on. And where something gives a handler of a new name to an addon of mitmproxy's or of
this bundle, from outside, that counts once addons or options have changed.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from operator import is_
from types import ModuleType
from typing import Any

from mitmproxy import addonmanager, ctx, exceptions
from mitmproxy.addonmanager import AddonManager, Loader
from mitmproxy.flow import Flow
from mitmproxy.hooks import Hook, UpdateHook

from urlrewrite.hooks.sources import Internal, changed

logger = logging.getLogger("urlrewrite.dispatch")

INTERNALS = (
    Internal(
        "mitmproxy.addonmanager:AddonManager.trigger_event",
        "58789e378391cb37",
        "an exception ends the event for the rest of its top-level addon, AddonHalt for all, OptionsError is raised",
    ),
    Internal(
        "mitmproxy.addonmanager:AddonManager.invoke_addon",
        "67727fbc45caa070",
        "what a handler returns is awaited if it can be",
    ),
    Internal(
        "mitmproxy.addonmanager:AddonManager._iter_hooks",
        "5058c0c67a3faf2e",
        "a handler that is a module is passed by, any other that cannot be called is an AddonManagerError",
    ),
    Internal(
        "mitmproxy.addonmanager:AddonManager.handle_lifecycle",
        "f0338e4107ec4a37",
        "an event of a flow is followed by its update",
    ),
    Internal(
        "mitmproxy.addonmanager:traverse",
        "bad3d9f88bdf9269",
        "an addon comes before those in its `addons`, in their order",
    ),
    Internal("mitmproxy.addonmanager:safecall", "f2052c18340e99b0", "an exception is logged as an error of the addon"),
    Internal(
        "mitmproxy.addonmanager:cut_traceback",
        "760a58f630c0fa44",
        "frames up to the one that calls the handler are not shown",
    ),
    Internal(
        "mitmproxy.addonmanager:AddonManager.add",
        "b212cb8773caf99c",
        "it appends to `chain`, so that who is added takes part",
    ),
    Internal(
        "mitmproxy.addonmanager:AddonManager.remove",
        "ac83e16b537cc208",
        "it makes `chain` anew: who is removed takes part",
    ),
    Internal("mitmproxy.addonmanager:AddonManager.clear", "029526a5b46f7612", "it makes `chain` anew"),
    Internal("mitmproxy.hooks:Hook.args", "c8180528126b87ab", "the arguments are the fields, in their order"),
)

_MAY_CHANGE_ADDONS = frozenset({"load", "configure", "running", "done"})
"""Events in which addons come and go below an addon that is just being walked: mitmproxy walks for them."""

_FIXED = ("mitmproxy.", "urlrewrite.")
"""Modules whose addons do not come to take an event, nor to have others below them, while they run."""


class LeanDispatch:
    """Puts the tables in place."""

    def __init__(self) -> None:
        self._dispatch: Dispatch | None = None

    def load(self, loader: Loader) -> None:
        """Take over, if mitmproxy is as it was."""
        del loader
        if others := changed(INTERNALS):
            logger.warning(
                "events are dispatched by mitmproxy's own way, which is slower: %s is new", ", ".join(others)
            )
            return
        self._dispatch = Dispatch(ctx.master.addons)
        self._dispatch.take_over()

    def may_be_taken(self, event: type[Hook]) -> bool:
        """Say whether some addon takes an event, or may do so."""
        return self._dispatch is None or self._dispatch.may_be_taken(event)

    def configure(self, updated: set[str]) -> None:
        """Ask all addons anew."""
        del updated
        if self._dispatch:
            self._dispatch.forget()

    def done(self) -> None:
        """Give back to mitmproxy."""
        if self._dispatch:
            self._dispatch.give_back()


@dataclass(frozen=True, slots=True)
class _Shape:
    """The addons that there are.

    `groups` has each addon of the top with all that are below it, and `children` what was in the `addons` of whoever
    has some. `loose` are those without that may come to have some.
    """

    chain: Sequence[object]
    groups: Sequence[Sequence[object]]
    children: Sequence[tuple[object, Sequence[object]]]
    loose: Sequence[object]

    def is_of(self, chain: Sequence[object]) -> bool:
        """Say whether these are the addons still."""
        return (
            _same(self.chain, chain)
            and all(_same(known, getattr(addon, "addons", None)) for addon, known in self.children)
            and not any(map(hasattr, self.loose, repeat("addons")))
        )


@dataclass(frozen=True, slots=True)
class _Table:
    """Who takes an event.

    `groups` has those of each addon of the top that has any, `without` those of the rest that may come to take it, and
    `fields` the names of the event's arguments.
    """

    groups: Sequence[Sequence[object]]
    without: Sequence[object]
    fields: Sequence[str]


class Dispatch:
    """The dispatch of one manager of addons."""

    def __init__(self, manager: AddonManager) -> None:
        self._manager = manager
        self._shape = _Shape((), (), (), ())
        self._tables: dict[type[Hook], _Table] = {}

    def take_over(self) -> None:
        """Take the place of the manager's own."""
        self._manager.trigger_event = self.trigger_event  # type: ignore[method-assign]
        self._manager.handle_lifecycle = self.handle_lifecycle  # type: ignore[method-assign]

    def give_back(self) -> None:
        """Leave all to the manager's own."""
        for name in ("trigger_event", "handle_lifecycle"):
            vars(self._manager).pop(name, None)

    def forget(self) -> None:
        """Ask all addons anew."""
        self._tables.clear()

    def may_be_taken(self, event: type[Hook]) -> bool:
        """Say whether some addon takes an event, or may do so."""
        table = self._table_of(event)
        return table is None or bool(table.groups)

    async def handle_lifecycle(self, event: Hook) -> None:
        """Trigger an event of mitmproxy's core, and an update after it if it is one of a flow."""
        (message, *_) = event.args()
        await self.trigger_event(event)
        if isinstance(message, Flow):
            await self.trigger_event(UpdateHook([message]))

    async def trigger_event(self, event: Hook) -> None:
        """Call whoever takes an event.

        Raises:
            OptionsError: a handler has raised it.
        """
        table = None if event.name in _MAY_CHANGE_ADDONS else self._table_of(type(event))
        if table is None:
            await AddonManager.trigger_event(self._manager, event)
            return
        chain, begun = self._manager.chain, len(self._manager.chain)
        name, arguments = event.name, [getattr(event, field) for field in table.fields]
        for group in table.groups:
            try:
                for addon in group:
                    if handler := getattr(addon, name, None):
                        if not callable(handler):
                            _pass_by(addon, name, handler)
                            continue
                        result = handler(*arguments)
                        if result is not None and inspect.isawaitable(result):
                            await result
            except exceptions.AddonHalt:
                return
            except exceptions.OptionsError:
                raise
            except Exception as error:
                _tell(error)
        # Who is added at the top meanwhile takes part at once.
        while len(chain) > begun:
            try:
                with addonmanager.safecall():
                    await self._manager.invoke_addon(chain[begun], event)
            except exceptions.AddonHalt:
                return
            begun += 1

    def _table_of(self, event: type[Hook]) -> _Table | None:
        """Return who takes an event; None where mitmproxy must find out."""
        try:
            chain = self._manager.chain
            if not self._shape.is_of(chain):
                self._tables.clear()
                self._shape = _shape_of(chain)
            table = self._tables.get(event)
            if table is None or any(map(hasattr, table.without, repeat(event.name))):
                table = self._tables[event] = _table_of(self._shape, event)
        except Exception:
            # An addon that raises where it is only asked what it has does so for mitmproxy, too, which tells it.
            return None
        return table


def _same(known: Sequence[object], found: object) -> bool:
    return isinstance(found, list | tuple) and len(known) == len(found) and all(map(is_, known, found))


def _shape_of(chain: Sequence[object]) -> _Shape:
    """Walk the addons.

    Raises:
        TypeError: there is something in place of a list of addons.
    """
    children: list[tuple[object, Sequence[object]]] = []
    loose: list[object] = []

    def walk(addon: Any) -> Iterator[object]:
        yield addon
        if hasattr(addon, "addons"):
            below = addon.addons
            if not isinstance(below, list | tuple):
                raise TypeError(f"expected a list of addons, got {below!r}")
            children.append((addon, tuple(below)))
            for each in below:
                yield from walk(each)
        elif _is_loose(addon):
            loose.append(addon)

    groups = tuple(tuple(walk(addon)) for addon in chain)
    return _Shape(tuple(chain), groups, tuple(children), tuple(loose))


def _table_of(shape: _Shape, event: type[Hook]) -> _Table:
    groups, without = [], []
    for group in shape.groups:
        taking = [addon for addon in group if hasattr(addon, event.name)]
        without += [addon for addon in group if _is_loose(addon) and not hasattr(addon, event.name)]
        if taking:
            groups.append(tuple(taking))
    return _Table(tuple(groups), tuple(without), tuple(field.name for field in fields(event)))  # type: ignore[arg-type]


def _is_loose(addon: object) -> bool:
    return not type(addon).__module__.startswith(_FIXED)


def _pass_by(addon: object, name: str, handler: object) -> None:
    """Do as mitmproxy with what is no handler: pass a module by, which somebody has only imported.

    Raises:
        AddonManagerError: it is nothing of the kind.
    """
    if not isinstance(handler, ModuleType):
        raise exceptions.AddonManagerError(f"Addon handler {name} ({addon}) not callable")


def _tell(error: Exception) -> None:
    """Log what a handler has raised, as mitmproxy does: without our own frame."""
    trace = error.__traceback__
    addonmanager.logger.error(
        f"Addon error: {error}", exc_info=(type(error), error, (trace and trace.tb_next) or trace)
    )
