"""Options, listeners and rule files, with a real mitmproxy master and no network."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from hooks.support import write
from urlrewrite.hooks.listeners import Listeners, listener_mode
from urlrewrite.hooks.options import Options
from urlrewrite.hooks.rules_file import DEFAULT_RULES, POLL_SECONDS, RulesFile
from urlrewrite.hooks.state import State
from urlrewrite.loading.file_stamps import stamp
from urlrewrite.model import Site

MODES = [
    ("http://:8080", "reverse:http://127.0.0.1:1@8080"),
    ("https://:8443", "reverse:https://127.0.0.1:1@8443"),
    ("https://127.0.0.1:8443/", "reverse:https://127.0.0.1:1@127.0.0.1:8443"),
    ("http://[::1]:80", "reverse:http://127.0.0.1:1@[::1]:80"),
]


@pytest.mark.parametrize(("listen", "mode"), MODES)
def test_listener_mode(listen: str, mode: str) -> None:
    assert listener_mode(listen) == mode


@pytest.mark.parametrize("listen", ["8080", "ftp://:21", "http://host", "http://h:1/path", "http://h:99999", ""])
def test_what_is_no_listener(listen: str) -> None:
    with pytest.raises(ValueError, match=r"expected http://HOST:PORT|Port"):
        listener_mode(listen)


async def test_a_bad_listener_is_refused_with_its_option() -> None:
    with (
        taddons.context(Options(), Listeners()) as context,
        pytest.raises(exceptions.OptionsError, match="urlrewrite_listen"),
    ):
        context.options.update(urlrewrite_listen=["nonsense"])


async def test_contradicting_and_unknown_options_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    options = Options()
    with taddons.context(Proxyserver(), options) as context:
        context.options.update(stream_large_bodies="1m", body_size_limit="2m")
        context.options.update_defer(urlrewrite_ruels=["x"])
        context.options.update(keep_host_header=False, connection_strategy="eager")
        options.running()
        assert context.options.keep_host_header is True
        assert context.options.connection_strategy == "lazy"
    assert "stream_large_bodies contradicts" in caplog.text
    assert "body_size_limit contradicts" in caplog.text
    assert "did you mean urlrewrite_rules?" in caplog.text


async def test_the_demo_rules_are_the_default() -> None:
    state = State()
    addon = RulesFile(state, lambda: None)
    with taddons.context(Options(), addon) as context:
        context.options.update(urlrewrite_trace="off")
        assert state.in_force
        assert state.in_force.rules.rule_set.files == (str(DEFAULT_RULES.resolve()),)


WEB_CONFIG = """<configuration><system.webServer><rewrite><rules>
  <rule name="tenant"><match url="^t/(.*)" /><action type="Rewrite" url="x/{R:1}" /></rule>
</rules></rewrite></system.webServer></configuration>
"""


async def test_a_bare_web_config_gets_its_names_from_options(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "web.config"
    path.write_text(WEB_CONFIG)
    state, changes = State(), []
    addon = RulesFile(state, lambda: changes.append(state.in_force))
    with taddons.context(Options(), addon) as context:
        context.options.update(urlrewrite_rules=[str(path)])
        assert "has no backend" in caplog.text
        changes.clear()
        context.options.update(urlrewrite_backend="http://privateserver:8080")
        seen = [site_in_force(state)]
        for name, value in [
            ("public", ["https://www.example.com"]),
            ("backend", "http://other"),
            ("links", "tags"),
            ("mode", "iis"),
            ("connect", "10.0.0.7:80"),
        ]:
            context.options.update(**{f"urlrewrite_{name}": value})
            seen.append(site_in_force(state))
        assert [tuple(map(str, site.public)) for site in seen] == [(), *[("https://www.example.com",)] * 5]
        assert [str(site.backend) for site in seen] == [*["http://privateserver:8080"] * 2, *["http://other"] * 4]
        assert [str(seen[-3].links), str(seen[-2].links), str(seen[-2].mode)] == ["tags", "tags", "iis"]
        assert [seen[-2].connect, seen[-1].connect] == [None, ("10.0.0.7", 80)]
        assert len({rules.fingerprint for rules in changes if rules}) == len(changes)

        for name, value in [("public", ["nonsense"]), ("backend", "b:80"), ("links", "all"), ("mode", "strict")]:
            with pytest.raises(exceptions.OptionsError, match=f"urlrewrite_{name}: got "):
                context.options.update(**{f"urlrewrite_{name}": value})
            assert site_in_force(state) == seen[-1]

        # Two sites cannot both have the one name: the last good rules stay.
        context.options.update(urlrewrite_rules=[str(path), str(_copy(path))])
        assert site_in_force(state) == seen[-1]
        assert "expected one site that it can be for" in caplog.text


def site_in_force(state: State) -> Site:
    assert state.in_force
    return state.in_force.rules.rule_set.sites[0]


def _copy(path: Path) -> Path:
    other = path.parent / "other" / path.name
    other.parent.mkdir()
    other.write_text(path.read_text())
    return other


def test_files_are_looked_at_often_enough_for_two_seconds() -> None:
    assert POLL_SECONDS <= 1


async def test_a_file_that_is_named_by_a_broken_set_is_watched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    state, changes = State(), asyncio.Event()
    addon = RulesFile(state, changes.set)
    path = write(tmp_path / "web.config", "rules: []")
    path.write_text("<rewrite><rules configSource='rules.config' /></rewrite>")
    (tmp_path / "rules.config").write_text("<rules")
    with taddons.context(Options(), addon) as context:
        context.options.update(urlrewrite_rules=[str(path)])
        addon.running()
        assert state.in_force is None
        assert "rules.config:1: got what is no XML" in caplog.text
        (tmp_path / "rules.config").write_text("<rules />")
        await asyncio.wait_for(changes.wait(), 20)
        assert state.in_force
        # What was named on the way does not make it load once more.
        assert stamp(addon._watched()) == addon._stamp
        addon.done()


async def test_a_saved_file_comes_into_force_and_a_broken_one_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    state, changes = State(), asyncio.Event()
    addon = RulesFile(state, changes.set)
    path = write(tmp_path / "rules.yaml", "rules: [{name: first, match: a, action: None}]")
    with taddons.context(Options(), addon) as context:
        context.options.update(urlrewrite_rules=[str(path)])
        addon.running()
        first = state.in_force
        assert first
        changes.clear()

        write(path, "rules: [{name: second, match: a, action: None}]")
        await asyncio.wait_for(changes.wait(), timeout=15)
        second = state.in_force
        assert second
        assert second.rules.sites[0].levels[""].inbound.rules[0].rule.name == "second"

        write(path, "rules: [{name: third, match: '*', action: None}, {name: fourth, match: b, action: Nonsense}]")
        async with asyncio.timeout(15):
            while "the last good rules stay in force" not in caplog.text:  # noqa: ASYNC110 (there is no event)
                await asyncio.sleep(0.05)
        assert state.in_force is second
        assert f"{path}:" in caplog.text
        assert "Nonsense" in caplog.text

        path.unlink()
        await asyncio.sleep(0.7)
        assert state.in_force is second
        changes.clear()
        write(path, "rules: [{name: fifth, match: a, action: None}]")
        await asyncio.wait_for(changes.wait(), timeout=15)
        addon.done()
