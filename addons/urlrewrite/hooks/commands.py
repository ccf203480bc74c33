"""The commands of mitmproxy's prompt and of mitmweb: explain, find leaks, try, compare, replay, reload, list, export.

They run where requests wait for them (mitmproxy waits for no coroutine), so each ends after a second and says what it
left out. Results are lines of text, which all UIs can show and mitmweb can send as JSON.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import mitmproxy.types
from mitmproxy import command, ctx, exceptions, flow, hooks, http
from mitmproxy.log import ALERT

from urlrewrite.content.asset_memory import AssetMemory
from urlrewrite.exchange.responses import reason_phrase
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.formats.files_read import reason
from urlrewrite.hooks.flows import seen_of
from urlrewrite.hooks.originals import KEY
from urlrewrite.hooks.recorder import MARKED, annotate
from urlrewrite.hooks.rules_file import RulesFile
from urlrewrite.hooks.state import State
from urlrewrite.hooks.translate import headers
from urlrewrite.hooks.typed_command import typed_command
from urlrewrite.inspector.export import CannotExport, export_case, export_text
from urlrewrite.inspector.leaks.search import leak_places, leaks_text
from urlrewrite.inspector.recorded_exchange import RecordedExchange, Snapshot
from urlrewrite.inspector.rule_list import Tallies, acts, groups, matches
from urlrewrite.inspector.text import counted
from urlrewrite.inspector.traces.report import render, summary
from urlrewrite.inspector.trials.edited_rules import load_edited
from urlrewrite.inspector.trials.rule_texts import MAX_LENGTH, NotEditable, decoded_text, rule_paths
from urlrewrite.inspector.trials.trying import (
    CannotTry,
    Trial,
    Tried,
    field_lines,
    try_out,
    try_recorded,
    written_request,
)
from urlrewrite.inspector.trials.what_if import what_if
from urlrewrite.inspector.trials.what_if_text import what_if_lines
from urlrewrite.trace.text import clipped, visible
from urlrewrite.trace.trace import TraceLevel

logger = logging.getLogger("urlrewrite.commands")

SECONDS = 1.0
"""Seconds after which a command ends."""

_NO_PATH = mitmproxy.types.Path()


def _one_of[F: Callable[..., object]](parameter: str, command_name: str) -> Callable[[F], F]:
    """Return the decorator by which a parameter is completed and checked by what a command lists."""
    decorator: Callable[[F], F] = command.argument(parameter, type=mitmproxy.types.Choice(command_name))
    return decorator


class Commands:
    """The commands `rewrite.*`. `snapshot` takes a snapshot of some flows."""

    def __init__(
        self, state: State, rules_file: RulesFile, snapshot: Callable[[Iterable[flow.Flow]], Snapshot]
    ) -> None:
        self._state = state
        self._rules_file = rules_file
        self._snapshot = snapshot

    @typed_command("rewrite.explain")
    def explain(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Show what the rules did to requests and responses, and why: rule by rule, as it was recorded."""
        return self._lines_of(flows, lambda seen: render(seen.trace))

    @typed_command("rewrite.leaks")
    def leaks(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """List the names of backends that are left in responses, each with its location and why it was not mapped."""
        rules = self._rules()
        return self._lines_of(flows, lambda seen: leaks_text(seen, rules))

    @typed_command("rewrite.try")
    def try_out(self, url: str, method: str = "GET", *fields: str) -> Sequence[str]:
        """Show what the rules in force would do to a request that you write: an absolute URL, a method, and fields as
        'Name: value'. Nothing is sent.
        """
        rules = self._rules().traced(TraceLevel.FULL)
        try:
            request = written_request(method, url, field_lines("\n".join(fields)))
        except CannotTry as error:
            raise exceptions.CommandError(str(error)) from None
        return render(try_out(rules, Trial(request)).result.exchange.trace.data).split("\n")

    @typed_command("rewrite.whatif")
    @_one_of("instead_of", "rewrite.files")
    def what_if(self, flows: Sequence[flow.Flow], file: mitmproxy.types.Path, instead_of: str = "") -> Sequence[str]:
        """Compare what an edited copy of a rule file would make of recorded flows with what the rules in force make of
        them. Where there are several rule files, say which one it is a copy of, unless it has its name.
        """
        snapshot = self._snapshot(flows)
        rules = self._rules()
        path = instead_of or _original_of(str(file), rule_paths(snapshot))
        try:
            loaded = load_edited(snapshot, {path: _text_of(str(file))})
        except NotEditable as error:
            raise exceptions.CommandError(visible(str(error))) from None
        others = loaded.in_force(rules.settings, rules.fingerprint)
        problems = [visible(str(problem)) for problem in loaded.problems]
        if others is None:
            raise exceptions.CommandError("it cannot be loaded:\n" + "\n".join(problems))
        result = what_if(snapshot.exchanges, rules, others, last=len(snapshot.exchanges) or 1, seconds=SECONDS)
        return [*problems, *what_if_lines(result)]

    @typed_command("rewrite.replay")
    def replay(self, flows: Sequence[flow.Flow]) -> str:
        """Apply the rules in force to the responses that backends gave to recorded flows: response, trace and comment
        become what they would be now. Nothing is sent; "revert" brings the recorded response back.
        """
        rules, memory = self._rules().traced(TraceLevel.FULL), AssetMemory()
        until = time.monotonic() + SECONDS
        replayed: list[flow.Flow] = []
        skipped: dict[str, int] = {}
        for item in flows:
            why = "there was no time left for" if time.monotonic() > until else self._replayed(item, rules, memory)
            if why:
                skipped[why] = skipped.get(why, 0) + 1
            else:
                replayed.append(item)
        if replayed:
            ctx.master.addons.trigger(hooks.UpdateHook(replayed))
        report = "; ".join(
            [f"{counted(len(replayed), 'flow')} replayed", *(f"{why} {n}" for why, n in skipped.items())]
        )
        logger.log(ALERT, report)
        return report

    @typed_command("rewrite.reload")
    def reload(self) -> str:
        """Load the rule files now, changed or not. A file that cannot be loaded leaves the last good rules in force."""
        if not self._rules_file.reload():
            last = self._state.statistics.figures().reloads[-1]
            raise exceptions.CommandError(
                "the last good rules stay in force:\n" + "\n".join(map(visible, last.problems))
            )
        return f"rules {self._rules().fingerprint} in force"

    @typed_command("rewrite.rules")
    def rules(self) -> Sequence[str]:
        """List the rules in force in the order in which they run, each with how often it acted, its file and line."""
        rules = self._rules()
        tallies = Tallies(rules, self._state.statistics.figures())
        lines = []
        for group in groups(rules):
            if not group.rules:
                continue
            lines.append(visible(group.title))
            for rule in group.rules:
                tally = tallies.of(group, rule)
                off = "" if rule.enabled else "  (disabled)"
                what = visible(clipped(f"{matches(rule)}  {acts(rule)}", 160))
                lines.append(f'  {tally.hits:>7,}×  "{visible(rule.name)}"{off}  {what}  {visible(rule.source)}')
        return lines or ["there are no rules; links are mapped where the sites say so"]

    @typed_command("rewrite.files")
    def files(self) -> Sequence[str]:
        """List the files that the rules in force were read from."""
        return rule_paths(self._snapshot(()))

    @typed_command("rewrite.export")
    def export(
        self, flows: Sequence[flow.Flow], file: mitmproxy.types.Path = _NO_PATH, secrets: bool = False
    ) -> Sequence[str]:
        """Write flows as cases of the `tests` of a rule file, in YAML: to the screen, or to a new file. Passwords,
        tokens and values of cookies are masked unless you ask for them.
        """
        rules = self._rules()
        until = time.monotonic() + SECONDS
        cases, notes = [], []
        for item in flows:
            if time.monotonic() > until:
                notes.append("# there was no time left for the others")
                break
            seen = self._seen(item)
            if seen is None:
                continue
            try:
                cases.append(export_case(seen, rules, secrets=secrets))
            except CannotExport as error:
                notes.append(f"# left out: {visible(clipped(seen.request.url, 200))}: {error}")
        if not cases:
            raise exceptions.CommandError("\n".join(notes) or "got no flow that the rules saw")
        text = export_text(cases)
        if not file:
            return [*notes, *text.removesuffix("\n").split("\n")]
        try:
            # Never over somebody's rules.
            with Path(file).open("x", encoding="utf-8") as out:
                out.write(text)
        except (OSError, ValueError) as error:
            raise exceptions.CommandError(f"{visible(file)} cannot be written: {reason(error)}") from None
        return [*notes, f"{counted(len(cases), 'case')} written to {visible(file)}"]

    def _rules(self) -> RulesInForce:
        if self._state.in_force is None:
            raise exceptions.CommandError("no rules are in force")
        return self._state.in_force

    def _seen(self, item: flow.Flow) -> RecordedExchange | None:
        """Return the exchange of a flow that has ended; None if there is none."""
        return None if item.id in self._state.live else seen_of(item)

    def _lines_of(self, flows: Sequence[flow.Flow], text_of: Callable[[RecordedExchange], str]) -> list[str]:
        """Return the lines that `text_of` gives for each flow, one flow after another."""
        until = time.monotonic() + SECONDS
        lines: list[str] = []
        for number, item in enumerate(flows):
            if time.monotonic() > until:
                lines.append(f"… there was no time left for {counted(len(flows) - number, 'flow')}")
                break
            seen = self._seen(item)
            if seen is not None:
                head = f"──── {visible(seen.request.method)} {visible(clipped(seen.request.url, 200))}"
                lines += ([head] if len(flows) > 1 else []) + text_of(seen).split("\n")
        if not lines:
            raise exceptions.CommandError("got no flow that the rules saw, expected some that have ended")
        return lines

    def _replayed(self, item: flow.Flow, rules: RulesInForce, memory: AssetMemory) -> str:
        """Replay one flow; return why it is skipped, "" if it is not."""
        seen = self._seen(item)
        if seen is None or not isinstance(item, http.HTTPFlow) or item.response is None:
            return "not handled by the rules:"
        if not seen.own and seen.original_body is None:
            return "without the backend's response:"
        tried = try_recorded(rules, seen, memory)
        if tried.response is None:
            return "without a response under these rules:"
        item.backup()
        _show(item, tried, seen, rules)
        return ""


def _show(item: http.HTTPFlow, tried: Tried, seen: RecordedExchange, rules: RulesInForce) -> None:
    """Put a new response and a new trace into a flow, and remove what the old trace had put there."""
    new, response = tried.response, item.response
    assert new is not None and response is not None
    original = seen.original
    same = original is not None and original.status == new.status
    response.reason = original.reason if original and same else reason_phrase(new.status)
    response.status_code = new.status
    response.headers = headers(new.fields, lower=item.request.is_http2 or item.request.is_http3)
    response.raw_content = tried.result.body or b""
    data = tried.result.exchange.trace.data
    data["leaks"] = len(leak_places(new.fields, tried.result.body, seen.request, rules))
    if item.comment == summary(seen.trace):
        item.comment = ""
    if item.marked == item.metadata.get(MARKED):
        item.marked = ""
    for key in _keys_of_trace(item):
        del item.metadata[key]
    annotate(item, data)


def _keys_of_trace(item: http.HTTPFlow) -> Iterator[str]:
    """Return the keys of a flow's metadata that belong to its trace, but for the backend's response."""
    return iter([key for key in item.metadata if str(key).startswith("urlrewrite.") and key != KEY])


def _original_of(file: str, paths: Sequence[str]) -> str:
    """Return the path of the rule file that an edited copy stands for.

    Raises:
        CommandError: it could be several files, or none.
    """
    given = str(Path(file).absolute())
    named = [path for path in paths if path == given or Path(path).name == Path(file).name]
    found = [given] if given in paths else named if len(named) == 1 else paths if len(paths) == 1 else []
    if len(found) != 1:
        raise exceptions.CommandError(f"say which file it is a copy of: {', '.join(map(visible, paths))}")
    return found[0]


def _text_of(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_LENGTH + 1)
        return decoded_text(content)
    except (OSError, ValueError, LookupError) as error:
        why = reason(error) if isinstance(error, OSError | ValueError) else error
        raise exceptions.CommandError(f"{visible(file)} cannot be read: {why}") from None
