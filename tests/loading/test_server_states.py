"""The file in which states of servers are kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.loading import server_states
from urlrewrite.loading.server_states import ServerStates
from urlrewrite.model.farms import ServerState


def test_what_one_writes_another_reads(tmp_path: Path) -> None:
    one, other = (ServerStates(tmp_path / "states.json") for _ in range(2))
    assert one.look() == other.look() == {}
    one.set("shop", "a", ServerState.DRAINING)
    other.set("shop", "b", ServerState.OFFLINE)
    assert one.look() == other.look() == {"shop": {"a": ServerState.DRAINING, "b": ServerState.OFFLINE}}
    assert [path.name for path in tmp_path.iterdir()] == ["states.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"shop": 1}', '{"shop": {"a": "asleep"}}', "\x00"])
def test_a_file_that_cannot_be_understood_leaves_what_was_known_and_says_so(text: str, tmp_path: Path) -> None:
    states = ServerStates(tmp_path / "states.json")
    states.set("shop", "a", ServerState.DRAINING)
    states.path.write_text(text)
    assert states.look() == {"shop": {"a": ServerState.DRAINING}}
    assert str(states.path) in states.fault
    states.path.write_text("{}")
    assert (states.look(), states.fault) == ({}, "")


@given(st.dictionaries(st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.sampled_from(ServerState))))
def test_any_names_come_back(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, dict[str, ServerState]]
) -> None:
    path = tmp_path_factory.mktemp("states") / "states.json"
    for farm, servers in wanted.items():
        for address, state in servers.items():
            ServerStates(path).set(farm, address, state)
    assert ServerStates(path).look() == {farm: servers for farm, servers in wanted.items() if servers}


def test_what_cannot_be_written_holds_until_it_can_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = ServerStates(tmp_path / "states.json")
    states.set("shop", "a", ServerState.OFFLINE)
    with monkeypatch.context() as full:
        # In place of a full disk, which would take a file system of its own.
        full.setattr(server_states.json, "dump", no_room)
        with pytest.raises(OSError, match="No space"):
            states.set("shop", "b", ServerState.DRAINING)
    assert [path.name for path in tmp_path.iterdir()] == ["states.json"]
    both = {"a": ServerState.OFFLINE, "b": ServerState.DRAINING}
    assert states.look() == {"shop": both}
    # What others write does not take it away.
    ServerStates(states.path).set("shop", "c", ServerState.STOPPING)
    assert states.look() == {"shop": {**both, "c": ServerState.STOPPING}}
    states.set("shop", "a", ServerState.AVAILABLE)
    wanted = {"a": ServerState.AVAILABLE, "b": ServerState.DRAINING, "c": ServerState.STOPPING}
    assert ServerStates(states.path).look() == {"shop": wanted}


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
