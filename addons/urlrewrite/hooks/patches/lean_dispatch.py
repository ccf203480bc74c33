"""Calls, for an event, the addons that take it, in place of asking each one by one.

mitmproxy walks all addons for each event, eight times a request. Here a table of each event has the addons that take
it. Before it is used it is compared with the addons that are there, and whoever had no handler is asked in one go, so
that addons may come and go, and handlers as well, as they may with mitmproxy. Nobody has to announce that.

Two things are seen later than mitmproxy sees them. What changes below one of the top-level addons while it takes an
event counts from the next event on. And where something gives a handler of a new name to an addon of mitmproxy's or of
this bundle, from outside, that counts once addons or options have changed. One thing is not seen: what takes an addon's
place in a list, and says that it equals that addon, of which that addon knows nothing.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Awaitable, Coroutine, Generator
from itertools import repeat
from types import ModuleType
from typing import Any

from mitmproxy import addonmanager, ctx, exceptions
from mitmproxy.addonmanager import AddonManager, Loader
from mitmproxy.flow import Flow
from mitmproxy.hooks import Hook, UpdateHook

from urlrewrite.hooks import at_once
from urlrewrite.hooks.addon_tables import Shape, Table, shape_of, table_of
from urlrewrite.hooks.at_once import BEGINS_AT_ONCE, begun
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

_OUR_FILES = (__file__, at_once.__file__)


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
            self._dispatch = None


class Dispatch:
    """The dispatch of one manager of addons."""

    def __init__(self, manager: AddonManager) -> None:
        self._manager = manager
        self._shape = Shape((), (), (), ())
        self._tables: dict[type[Hook], Table] = {}

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
        rest = self.begin(event)
        if rest is not None:
            await rest

    def begin(self, event: Hook) -> Coroutine[Any, Any, None] | None:
        """Call whoever takes an event, up to what has to be waited for; return the rest, None where that is all.

        Raises:
            OptionsError: a handler has raised it.
        """
        table = None if event.name in _MAY_CHANGE_ADDONS else self._table_of(type(event))
        if table is None:
            return AddonManager.trigger_event(self._manager, event)
        calls = _calls(table, event, self._manager)
        for waited in calls:
            return _go_on(calls, waited)
        return None

    def _table_of(self, event: type[Hook]) -> Table | None:
        """Return who takes an event; None where mitmproxy must find out."""
        try:
            chain = self._manager.chain
            if not self._shape.is_of(chain):
                self._tables.clear()
                self._shape = shape_of(chain)
            table = self._tables.get(event)
            if table is None or any(map(hasattr, table.without, repeat(event.name))):
                table = self._tables[event] = table_of(self._shape, event)
        except Exception:
            # An addon that raises where it is only asked what it has does so for mitmproxy, too, which tells it.
            return None
        return table


async def _go_on(calls: Generator[Awaitable[Any]], waited: Awaitable[Any]) -> None:
    with contextlib.suppress(StopIteration):
        while True:
            try:
                await waited
            except BaseException as error:
                waited = calls.throw(error)
            else:
                waited = next(calls)


def dispatch_of(manager: AddonManager) -> Dispatch | None:
    """Return the dispatch of a manager; None where mitmproxy's own is in place."""
    found = getattr(manager.trigger_event, "__self__", None)
    return found if isinstance(found, Dispatch) else None


def _calls(table: Table, event: Hook, manager: AddonManager) -> Generator[Awaitable[Any]]:
    """Call whoever takes an event; what has to be waited for is yielded, and what that raises is to be thrown in.

    Raises:
        OptionsError: a handler has raised it.
    """
    chain, known = manager.chain, len(manager.chain)
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
                        waited = begun(result) if getattr(handler, BEGINS_AT_ONCE, False) else result
                        if waited is not None:
                            yield waited
        except exceptions.AddonHalt:
            return
        except exceptions.OptionsError:
            raise
        except Exception as error:
            _tell(error)
    # Who is added at the top meanwhile takes part at once.
    while len(chain) > known:
        try:
            with addonmanager.safecall():
                yield manager.invoke_addon(chain[known], event)
        except exceptions.AddonHalt:
            return
        known += 1


def _pass_by(addon: object, name: str, handler: object) -> None:
    """Do as mitmproxy with what is no handler: pass a module by, which somebody has only imported.

    Raises:
        AddonManagerError: it is nothing of the kind.
    """
    if not isinstance(handler, ModuleType):
        raise exceptions.AddonManagerError(f"Addon handler {name} ({addon}) not callable")


def _tell(error: Exception) -> None:
    """Log what a handler has raised, as mitmproxy does: without our own frames."""
    trace = error.__traceback__
    while trace and trace.tb_next and trace.tb_frame.f_code.co_filename in _OUR_FILES:
        trace = trace.tb_next
    addonmanager.logger.error(f"Addon error: {error}", exc_info=(type(error), error, trace))
