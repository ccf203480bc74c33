"""Options have the values that mitmproxy gives them, and what could be changed is still a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Optional
from unittest.mock import MagicMock

import pytest
from mitmproxy import exceptions, optmanager
from mitmproxy.options import Options
from mitmproxy.optmanager import OptManager
from mitmproxy.test import taddons

from urlrewrite.hooks.patches import plain_options
from urlrewrite.hooks.patches.plain_options import PlainOptions

MITMPROXY_S = OptManager.__getattr__

# type, default, another value
KINDS: list[tuple[Any, Any, Any]] = [
    (bool, False, True),
    (int, 1, 2),
    (str, "a", "b"),
    (Optional[str], None, "b"),  # noqa: UP045 (mitmproxy compares with this)
    (Optional[int], 1, None),  # noqa: UP045
    (Sequence[str], ["a"], ["b", "c"]),
]


@pytest.fixture(params=["mitmproxy's", "ours"])
def options(request: pytest.FixtureRequest) -> Iterator[OptManager]:
    """Options, asked for by either way."""
    if request.param == "ours":
        with taddons.context(addon := PlainOptions(), loadcore=False):
            assert OptManager.__getattr__ is plain_options.value_of
            yield OptManager()
            addon.done()
    else:
        yield OptManager()
    assert OptManager.__getattr__ is MITMPROXY_S


@pytest.mark.parametrize(("kind", "default", "other"), KINDS)
def test_a_value(options: OptManager, kind: Any, default: Any, other: Any) -> None:
    options.add_option("it", kind, default, "")
    assert options.it == default
    options.it = other
    assert options.it == other
    options.reset()
    assert options.it == default
    with pytest.raises(AttributeError, match="No such option: nothing"):
        options.nothing  # noqa: B018


def test_a_list_is_a_copy(options: OptManager) -> None:
    options.add_option("it", Sequence[str], ["a"], "")
    options.it.append("b")
    assert options.it == ["a"]
    options.it = ["c"]
    options.it.append("d")
    assert options.it == ["c"]


def test_what_is_refused_is_not_in_force(options: OptManager) -> None:
    options.add_option("it", int, 1, "")

    def refuse(updated: set[str]) -> None:
        if options.it == 2:
            raise exceptions.OptionsError("two")

    options.changed.connect(refuse)
    with pytest.raises(exceptions.OptionsError, match="two"):
        options.it = 2
    assert options.it == 1
    with pytest.raises(TypeError):
        options.update(it="text")
    assert options.it == 1


def test_a_number_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = MagicMock()
    with taddons.context(addon := PlainOptions(), loadcore=False):
        options = Options()
        monkeypatch.setattr(optmanager, "copy", copy)
        assert options.ssl_insecure is False
        copy.deepcopy.assert_not_called()
        options.mode  # noqa: B018
        copy.deepcopy.assert_called()
        monkeypatch.undo()
        addon.done()


def test_mitmproxy_goes_on_by_itself_where_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, *rest = plain_options.INTERNALS
    monkeypatch.setattr(plain_options, "INTERNALS", (first._replace(known="other"), *rest))
    with taddons.context(PlainOptions(), loadcore=False):
        assert OptManager.__getattr__ is MITMPROXY_S
    assert "mitmproxy.optmanager:OptManager.__getattr__ is new" in caplog.text
