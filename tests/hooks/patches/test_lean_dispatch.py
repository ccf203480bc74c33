"""Events reach the same addons, in the same order and with the same outcome, by the tables as by mitmproxy's own way.

A case puts addons together, has events triggered, and says what was called; it runs with either.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import traceback
import types
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from mitmproxy import addonmanager, exceptions
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons.script import Script, ScriptLoader
from mitmproxy.hooks import ConfigureHook, DoneHook, Hook, RunningHook, UpdateHook, all_hooks
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import HttpRequestHook, HttpResponseHook
from mitmproxy.proxy.server_hooks import ClientConnectedHook
from mitmproxy.test import taddons, tflow

from hooks.backends import Answer, Http1Backend
from hooks.clients import Http1
from hooks.in_process import in_process
from hooks.patches.rules import rules_for
from urlrewrite.hooks.at_once import begins_at_once
from urlrewrite.hooks.patches import lean_dispatch
from urlrewrite.hooks.patches.lean_dispatch import Dispatch, LeanDispatch


class World:
    """A master with its addons, and what they have done."""

    def __init__(self, master: Master) -> None:
        self.master = master
        self.addons = master.addons
        self.told: list[Any] = []

    def addon(self, name: str, *events: str, below: list[Any] | None = None, **handlers: Any) -> Any:
        """An addon of a class of its own that tells of events; a handler may be given in place of that."""
        members = {event: lambda _, *__, event=event: self.told.append((name, event)) for event in events}
        made = type(name, (), members)()
        made.name = name
        for event, handler in handlers.items():
            setattr(made, event, handler)
        if below is not None:
            made.addons = below
        return made

    def tells(self, what: Any) -> Callable[..., None]:
        """A handler that tells something."""
        return lambda *_: self.told.append(what)

    async def request(self, times: int = 1) -> None:
        """The event `request`, as mitmproxy's core triggers it."""
        for _ in range(times):
            await self.addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))


type Case = Callable[[World], Awaitable[list[Any]]]
CASES: list[Case] = []


def case(made: Case) -> Case:
    CASES.append(made)
    return made


def raises(error: Exception) -> Callable[..., None]:
    def handler(*_: Any) -> None:
        raise error

    return handler


R = "request"


@case
async def addons_are_called_in_their_order(world: World) -> list[Any]:
    world.addons.add(world.addon("a", R), world.addon("b"), world.addon("c", R))
    await world.request()
    return [("a", R), ("c", R)]


@case
async def who_has_others_is_called_before_them(world: World) -> list[Any]:
    inner = world.addon("d", R, below=[world.addon("e", R)])
    world.addons.add(world.addon("a", R), world.addon("b", R, below=[world.addon("c", R), inner]), world.addon("f", R))
    await world.request()
    return [(name, R) for name in "abcdef"]


@case
async def who_has_no_handler_may_have_others(world: World) -> list[Any]:
    world.addons.add(world.addon("a", below=[world.addon("b", below=[world.addon("c", R)])]))
    await world.request()
    return [("c", R)]


@case
async def who_takes_the_place_of_an_equal_is_called(world: World) -> list[Any]:
    first, second = world.addon("a", R), world.addon("b", R)
    for each in (first, second):
        type(each).__eq__, type(each).__hash__ = lambda *_: True, lambda _: 1
    world.addons.add(first)
    await world.request()
    world.addons.chain[0] = second
    await world.request()
    return [("a", R), ("b", R)]


@case
async def who_takes_the_place_of_another_is_called(world: World) -> list[Any]:
    below = [world.addon("a", R)]
    world.addons.add(world.addon("b", R), world.addon("c", below=below))
    await world.request()
    world.addons.chain[0], below[0] = world.addon("d", R), world.addon("e", R)
    await world.request()
    return [("b", R), ("a", R), ("d", R), ("e", R)]


@case
async def an_update_follows_the_event_of_a_flow(world: World) -> list[Any]:
    world.addons.add(world.addon("a", R, "update"), world.addon("b", R, "update"))
    await world.request()
    return [("a", R), ("b", R), ("a", "update"), ("b", "update")]


@case
async def an_update_has_the_flow_in_a_list(world: World) -> list[Any]:
    flow = tflow.tflow()
    world.addons.add(world.addon("a", update=world.told.append, request=world.told.append))
    await world.addons.handle_lifecycle(HttpRequestHook(flow))
    return [flow, [flow]]


@case
async def no_update_follows_what_is_not_of_a_flow(world: World) -> list[Any]:
    world.addons.add(world.addon("a", "client_connected", "update"))
    await world.addons.handle_lifecycle(ClientConnectedHook(tflow.tclient_conn()))
    return [("a", "client_connected")]


@case
async def an_event_without_arguments(world: World) -> list[Any]:
    world.addons.add(world.addon("a", "done"))
    await world.addons.trigger_event(DoneHook())
    return [("a", "done")]


@case
async def a_coroutine_is_waited_for(world: World) -> list[Any]:
    async def slow(_: Any) -> None:
        await asyncio.sleep(0)
        world.told.append("slow")

    world.addons.add(world.addon("a", request=slow), world.addon("b", R))
    await world.request()
    return ["slow", ("b", R)]


@case
async def whatever_can_be_awaited_is(world: World) -> list[Any]:
    def future(_: Any) -> Awaitable[None]:
        return asyncio.ensure_future(asyncio.sleep(0, world.told.append("begun")))

    world.addons.add(world.addon("a", request=future), world.addon("b", request=lambda _: "nothing to await"))
    await world.request()
    return ["begun"]


@case
async def an_exception_ends_the_event_for_its_top_level_addon(world: World) -> list[Any]:
    failing = world.addon("b", request=raises(ValueError("broken")))
    world.addons.add(world.addon("t", R, below=[world.addon("a", R), failing, world.addon("c", R)]))
    world.addons.add(world.addon("d", R, "update"))
    await world.request()
    return [("t", R), ("a", R), ("d", R), ("d", "update")]


@case
async def an_exception_after_a_wait(world: World) -> list[Any]:
    async def failing(_: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError("broken later")

    world.addons.add(world.addon("a", request=failing), world.addon("b", R))
    await world.request()
    return [("b", R)]


@case
async def addon_halt_ends_the_event_for_all(world: World) -> list[Any]:
    world.addons.add(world.addon("a", R), world.addon("b", request=raises(exceptions.AddonHalt())))
    world.addons.add(world.addon("c", R, "update"))
    await world.request()
    return [("a", R), ("c", "update")]


@case
async def an_options_error_is_raised(world: World) -> list[Any]:
    world.addons.add(world.addon("a", request=raises(exceptions.OptionsError("no"))), world.addon("b", R))
    with pytest.raises(exceptions.OptionsError, match="no"):
        await world.request()
    return []


@case
async def what_is_no_exception_is_raised(world: World) -> list[Any]:
    world.addons.add(world.addon("a", request=raises(asyncio.CancelledError())), world.addon("b", R))  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError):
        await world.request()
    return []


@case
async def a_handler_that_cannot_be_called_is_an_error(world: World) -> list[Any]:
    world.addons.add(world.addon("t", R, below=[world.addon("a", request="text"), world.addon("b", R)]))
    world.addons.add(world.addon("c", R))
    await world.request()
    return [("t", R), ("c", R)]


@case
async def a_handler_that_is_a_module_is_passed_by(world: World) -> list[Any]:
    world.addons.add(world.addon("t", below=[world.addon("a", request=types), world.addon("b", R)]))
    await world.request()
    return [("b", R)]


@case
async def a_handler_that_is_nothing_is_none(world: World) -> list[Any]:
    world.addons.add(world.addon("t", below=[world.addon("a", request=None), world.addon("b", R)]))
    await world.request()
    return [("b", R)]


@case
async def an_addon_that_is_added_later_is_called(world: World) -> list[Any]:
    world.addons.add(world.addon("a", R))
    await world.request()
    world.addons.add(world.addon("b", R))
    await world.request()
    return [("a", R), ("a", R), ("b", R)]


@case
async def an_addon_that_is_added_by_another_takes_part_at_once(world: World) -> list[Any]:
    def add(_: Any) -> None:
        if "b" not in world.addons.lookup:
            world.addons.add(world.addon("b", R))
            world.addons.add(world.addon("c", R, request=raises(exceptions.AddonHalt())), world.addon("d", R))

    world.addons.add(world.addon("a", request=add))
    await world.request(2)
    return [("b", R), ("b", R)]


@case
async def addon_halt_ends_the_event_for_who_was_just_added(world: World) -> list[Any]:
    def add(_: Any) -> None:
        world.addons.add(world.addon("c", R))
        raise exceptions.AddonHalt

    world.addons.add(world.addon("a", request=add))
    await world.request()
    return []


@case
async def an_addon_that_is_added_meanwhile_fails(world: World) -> list[Any]:
    def add(_: Any) -> None:
        world.addons.add(world.addon("b", request=raises(ValueError("broken"))), world.addon("c", R))

    world.addons.add(world.addon("a", request=add))
    await world.request()
    return [("c", R)]


@case
async def a_hook_that_is_begun_at_once(world: World) -> list[Any]:
    @begins_at_once
    async def soon(_: Any) -> None:
        world.told.append("soon")

    @begins_at_once
    async def later(_: Any) -> None:
        world.told.append("begun")
        await asyncio.sleep(0)
        world.told.append("later")

    world.addons.add(world.addon("a", request=soon), world.addon("b", request=later), world.addon("c", R))
    await world.request()
    return ["soon", "begun", "later", ("c", R)]


@case
async def a_hook_that_is_begun_at_once_fails(world: World) -> list[Any]:
    @begins_at_once
    async def soon(_: Any) -> None:
        raise ValueError("soon")

    @begins_at_once
    async def later(_: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError("later")

    @begins_at_once
    async def halts(_: Any) -> None:
        await asyncio.sleep(0)
        raise exceptions.AddonHalt

    world.addons.add(world.addon("a", request=soon), world.addon("b", request=later), world.addon("c", R))
    world.addons.add(world.addon("d", request=halts), world.addon("e", R))
    await world.request()
    return [("c", R)]


@case
async def an_addon_that_is_removed_is_not_called(world: World) -> list[Any]:
    a, b = world.addon("a", R), world.addon("b", R, "done")
    world.addons.add(a, b)
    await world.request()
    world.addons.remove(b)
    await world.request()
    return [("a", R), ("b", R), ("b", "done"), ("a", R)]


@case
async def an_addon_that_is_removed_meanwhile_is_called_to_the_end(world: World) -> list[Any]:
    b = world.addon("b", R)

    def remove(_: Any) -> None:
        if b in world.addons.chain:
            world.addons.remove(b)

    world.addons.add(world.addon("a", request=remove), b)
    await world.request(2)
    return [("b", R)]


@case
async def after_clear_nobody_is_called(world: World) -> list[Any]:
    world.addons.add(world.addon("a", R, "done"))
    await world.request()
    world.addons.clear()
    await world.request()
    world.addons.add(world.addon("b", R))
    await world.request()
    return [("a", R), ("a", "done"), ("b", R)]


@case
async def addons_put_into_another_order(world: World) -> list[Any]:
    world.addons.add(world.addon("a", R), world.addon("b", R))
    await world.request()
    world.addons.chain.reverse()
    await world.request()
    return [(name, R) for name in "abba"]


@case
async def addons_below_another_come_and_go(world: World) -> list[Any]:
    b, c = world.addon("b", R), world.addon("c", R)
    a = world.addon("a", R, below=[b])
    world.addons.add(a)
    await world.request()
    a.addons.append(world.addons.register(c))
    await world.request()
    a.addons = [c]
    await world.request()
    del a.addons
    await world.request()
    return [(name, R) for name in "ababcaca"]


@case
async def an_addon_comes_to_have_others(world: World) -> list[Any]:
    a = world.addon("a", R)
    world.addons.add(a)
    await world.request()
    a.addons = [world.addon("b", R)]
    await world.request()
    return [(name, R) for name in "aab"]


@case
async def others_are_made_anew_each_time(world: World) -> list[Any]:
    class Manager:
        below: tuple[Any, ...] = ()

        @property
        def addons(self) -> list[Any]:
            return list(self.below)

    manager = Manager()
    world.addons.add(manager)
    await world.request()
    for name in "ab":
        manager.below = (world.addons.register(world.addon(name, R)),)
        await world.request()
    return [("a", R), ("b", R)]


@case
async def a_handler_is_set_later(world: World) -> list[Any]:
    a = world.addon("a")
    world.addons.add(a, world.addon("z", R))
    await world.request()
    a.request = world.tells("set")
    await world.request()
    a.request = world.tells("set again")
    await world.request()
    del a.request
    await world.request()
    return [("z", R), "set", ("z", R), "set again", ("z", R), ("z", R)]


@case
async def a_handler_of_the_class_is_set_later(world: World) -> list[Any]:
    a = world.addon("a")
    world.addons.add(a)
    await world.request()
    type(a).request = world.tells("set")
    await world.request()
    a.request = world.tells("of the instance")
    await world.request()
    return ["set", "of the instance"]


@case
async def a_handler_of_a_module_is_set_later(world: World) -> list[Any]:
    script = types.ModuleType("script")
    world.addons.add(world.addon("t", below=[script]))
    await world.request()
    script.request = world.tells("set")  # type: ignore[attr-defined]
    await world.request()
    return ["set"]


@case
async def a_handler_that_was_nothing_becomes_one(world: World) -> list[Any]:
    a = world.addon("a", request=None)
    world.addons.add(a)
    await world.request()
    a.request = world.tells("set")
    await world.request()
    return ["set"]


@case
async def a_handler_is_made_when_it_is_asked_for(world: World) -> list[Any]:
    class Dynamic:
        takes = False

        def __getattr__(self, name: str) -> Any:
            if name == R and self.takes:
                return world.tells("made")
            raise AttributeError(name)

    dynamic = Dynamic()
    world.addons.add(dynamic)
    await world.request()
    dynamic.takes = True
    await world.request()
    return ["made"]


@case
async def who_raises_when_asked_for_a_handler_is_told(world: World) -> list[Any]:
    class Broken:
        @property
        def request(self) -> Any:
            raise ValueError("broken property")

    world.addons.chain.append(world.addon("t", below=[Broken(), world.addon("a", R)]))
    world.addons.add(world.addon("b", R))
    await world.request()
    return [("b", R)]


@case
async def addons_that_are_no_list(world: World) -> list[Any]:
    below = {"one": world.addon("a", R)}
    world.addons.add(world.addon("t", below=below.values()), world.addon("b", R))  # type: ignore[arg-type]
    await world.request()
    return [("a", R), ("b", R)]


@case
async def an_addon_set_up_while_it_is_configured_takes_part(world: World) -> list[Any]:
    """As mitmproxy's script loader does."""
    loader = world.addon("a", below=[])

    def configure(_: Any) -> None:
        if not loader.addons:
            loader.addons = [world.addon("b", "configure", R)]

    loader.configure = configure
    world.addons.chain.append(loader)
    await world.request()
    await world.addons.trigger_event(ConfigureHook(set()))
    await world.addons.trigger_event(RunningHook())
    await world.request()
    return [("b", "configure"), ("b", R)]


@case
async def events_in_the_middle_of_another(world: World) -> list[Any]:
    async def nested(_: Any) -> None:
        await world.addons.trigger_event(HttpResponseHook(tflow.tflow(resp=True)))
        world.addons.trigger(UpdateHook([]))

    world.addons.add(world.addon("a", request=nested), world.addon("b", R, "response"))
    world.addons.add(world.addon("c", "update"))
    await world.addons.trigger_event(HttpRequestHook(tflow.tflow()))
    return [("b", "response"), ("c", "update"), ("b", R)]


@case
async def a_coroutine_in_a_sync_event_is_an_error(world: World) -> list[Any]:
    async def update(_: Any) -> None:
        world.told.append("never")

    world.addons.add(world.addon("a", update=update), world.addon("b", "update"))
    world.addons.trigger(UpdateHook([]))
    return [("b", "update")]


class _Errors(logging.Handler):
    """What mitmproxy has logged of addons: the error, and its frames in this file."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, list[str]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info
        frames = traceback.extract_tb(record.exc_info[2])
        message = re.sub(r"0x\w+", "0x", record.getMessage())
        self.told.append((message, [frame.name for frame in frames if frame.filename == __file__]))


@contextlib.asynccontextmanager
async def world_of(*, lean: bool) -> AsyncIterator[tuple[World, list[Any]]]:
    master = Master(Options(), event_loop=asyncio.get_running_loop())
    if lean:
        Dispatch(master.addons).take_over()
    errors = _Errors()
    addonmanager.logger.addHandler(errors)
    try:
        yield World(master), errors.told
    finally:
        addonmanager.logger.removeHandler(errors)
        master._legacy_log_events.uninstall()


@pytest.mark.parametrize("run", CASES, ids=[case.__name__ for case in CASES])
async def test_an_event(run: Case) -> None:
    logged = []
    for lean in (False, True):
        async with world_of(lean=lean) as (world, errors):
            expected = await run(world)
            assert world.told == expected, "ours" if lean else "mitmproxy's own"
            logged.append(errors)
    assert logged[0] == logged[1]


async def test_the_frames_of_an_error_begin_with_the_handler() -> None:
    shown = []
    for lean in (False, True):
        async with world_of(lean=lean) as (world, _):
            texts: list[str] = []
            handler = logging.Handler()
            handler.emit = lambda record, texts=texts: texts.append(logging.Formatter().format(record))  # type: ignore[method-assign]
            addonmanager.logger.addHandler(handler)
            world.addons.add(world.addon("a", request=raises(ValueError("broken"))))
            await world.request()
            addonmanager.logger.removeHandler(handler)
            shown += texts
    assert shown[0] == shown[1]
    assert "addonmanager.py" not in shown[0]


def everyone(addons: AddonManager, event: type[Hook]) -> list[Any]:
    """Who takes an event, as mitmproxy finds it."""
    probe = event.__new__(event)
    return [taking for top in addons.chain for taking, _ in addons._iter_hooks(top, probe)]


async def test_the_tables_of_the_bundle_have_whom_mitmproxy_finds(tmp_path: Path) -> None:
    """Before and after requests: no addon of the bundle or of mitmproxy takes to a new event while it runs."""
    async with Http1Backend({"/": Answer()}) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        (ours,) = (addon for addon in proxy.bundle.addons if isinstance(addon, LeanDispatch))
        dispatch = ours._dispatch
        assert dispatch
        for _ in range(2):
            for event in all_hooks.values():
                table = dispatch._table_of(event)
                assert table
                found = [addon for group in table.groups for addon in group]
                assert found == everyone(proxy.master.addons, event), event
            client = await Http1.connect(proxy.port)
            assert (await client.ask(host="localhost")).status == 200
            await client.close()


async def test_few_addons_are_asked_for_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, in place of seconds: mitmproxy asks more than fifty addons, eight times for each request."""
    async with Http1Backend({"/": Answer()}) as backend, in_process(rules_for(backend), tmp_path) as proxy:
        client = await Http1.connect(proxy.port)
        assert (await client.ask(host="localhost")).status == 200
        walked: list[object] = []
        own = addonmanager.AddonManager._iter_hooks
        monkeypatch.setattr(
            addonmanager.AddonManager, "_iter_hooks", lambda *asked: walked.append(asked) or own(*asked)
        )
        shapes = MagicMock(side_effect=lean_dispatch.shape_of)
        tables = MagicMock(side_effect=lean_dispatch.table_of)
        monkeypatch.setattr(lean_dispatch, "shape_of", shapes)
        monkeypatch.setattr(lean_dispatch, "table_of", tables)
        for _ in range(3):
            assert (await client.ask(host="localhost")).status == 200
        assert (len(walked), shapes.call_count, tables.call_count) == (0, 0, 0)
        await client.close()


async def test_a_script_that_is_loaded_again_is_called(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("told = []\ndef request(flow): told.append('old')\n")
    with taddons.context() as context:
        loader = ScriptLoader()
        master = context.master
        Dispatch(master.addons).take_over()
        master.addons.add(loader)
        old = Script(str(script), reload=False)
        loader.addons = [old]
        namespace = old.ns
        await master.addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))
        script.write_text("told = []\ndef request(flow): told.append('new')\n")
        os.utime(script, (1, 1))
        old.loadscript()
        await master.addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))
        assert namespace
        assert old.ns
        assert (namespace.told, old.ns.told) == (["old"], ["new"])


async def test_mitmproxy_goes_on_by_itself_where_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, *rest = lean_dispatch.INTERNALS
    monkeypatch.setattr(lean_dispatch, "INTERNALS", (first._replace(known="other"), *rest))
    lean = LeanDispatch()
    with taddons.context(lean) as context:
        assert "trigger_event" not in vars(context.master.addons)
        assert lean.may_be_taken(UpdateHook)
    (told,) = [record.getMessage() for record in caplog.records if record.name == lean_dispatch.logger.name]
    assert "mitmproxy.addonmanager:AddonManager.trigger_event is new" in told


async def test_an_end_gives_back_to_mitmproxy() -> None:
    lean = LeanDispatch()
    with taddons.context(lean) as context:
        assert "trigger_event" in vars(context.master.addons)
        context.master.addons.remove(lean)
        assert "trigger_event" not in vars(context.master.addons)
        assert "handle_lifecycle" not in vars(context.master.addons)
