"""Bodies that are rewritten as they come: when each piece is sent, what rules see, and what happens after a failure."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from rules_of import ask, field, routed, rules_of
from urlrewrite.content.charset.view import Charset
from urlrewrite.content.coding.codings import CorruptCoding
from urlrewrite.content.held import Held, held
from urlrewrite.content.kinds import Kind
from urlrewrite.content.stream import BodyRewriter, Chain
from urlrewrite.engine.facts import ResponseFacts
from urlrewrite.exchange.body.plan import Way
from urlrewrite.exchange.body.stream import DetectThenRewrite, FailOpen, StopOnError, Windows
from urlrewrite.exchange.exchange import Exchange
from urlrewrite.exchange.response import ResponseHead
from urlrewrite.exchange.rules_in_force import Recode, RulesInForce, Settings
from urlrewrite.trace.reasons import Reason

B = "http://privateserver:8080"
P = "https://www.example.com"
HTML = ("Content-Type", "text/html")
LINK = f'<a href="{B}/x">'.encode()
MAPPED = f'<a href="{P}/x">'.encode()


@dataclass
class Streamed:
    """A body sent piece by piece: what came of each piece and of the end."""

    exchange: Exchange
    head: ResponseHead
    sent: list[bytes]

    @property
    def problems(self) -> list[str]:
        return [event["reason"] for event in self.exchange.trace.events if event["event"] in ("WARNING", "ERROR")]

    def events(self, name: str) -> list[dict[str, object]]:
        return [event for event in self.exchange.trace.events if event["event"] == name]


def stream(
    rules: RulesInForce, lines: list[tuple[str, str]], pieces: list[bytes], held: bytes | None = None
) -> Streamed:
    """Sends a body through an exchange. With `held` it was to be held, and is released after these bytes."""
    exchange = routed(rules, f"{P}/")
    head = exchange.receive(ResponseFacts(200, tuple(lines)))
    assert isinstance(head, ResponseHead)
    if held is not None:
        assert head.plan.way is Way.WHOLE
        head = exchange.release(head, len(held), 1.0)
        pieces = [held, *pieces]
    rewriter = exchange.stream(head)
    sent = [rewriter.feed(piece) for piece in pieces]
    sent.append(rewriter.finish())
    exchange.finish()
    return Streamed(exchange, head, sent)


NEVER_HELD = [
    [("Content-Type", "text/event-stream")],
    [("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip")],
    [("Content-Type", "application/x-ndjson")],
    [("Content-Type", "application/x-ndjson; charset=utf-8"), ("Content-Encoding", "br")],
    [("Content-Type", "application/stream+json"), ("Content-Encoding", "zstd")],
    [("Content-Type", "application/json"), ("X-Accel-Buffering", "no")],
    [("Content-Type", "text/html"), ("X-Accel-Buffering", "no"), ("Content-Encoding", "deflate")],
]


class Packer:
    """Codes piece by piece as a backend does that flushes after each."""

    def __init__(self, coding: str) -> None:
        zstd = zstandard.ZstdCompressor().compressobj()
        br = brotli.Compressor()
        deflate = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        self.piece = {
            "": lambda data: data,
            "gzip": lambda data: deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH),
            "deflate": lambda data: deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH),
            "br": lambda data: br.process(data) + br.flush(),
            "zstd": lambda data: zstd.compress(data) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        }[coding]
        self.end = {
            "": lambda: b"",
            "gzip": deflate.flush,
            "deflate": deflate.flush,
            "br": br.finish,
            "zstd": zstd.flush,
        }[coding]


@pytest.mark.parametrize("lines", NEVER_HELD, ids=str)
def test_a_body_that_is_never_held_is_sent_piece_by_piece(lines: list[tuple[str, str]]) -> None:
    coding = dict(lines).get("Content-Encoding", "")
    packer = Packer(coding)
    texts = [f'data: {{"at": "<a href={B}/{number}>"}}\n\n'.encode() for number in range(3)]
    result = stream(rules_of(""), lines, [*map(packer.piece, texts), packer.end()])
    assert result.head.plan.never_held
    unpacker = {
        "": None,
        "gzip": zlib.decompressobj(31).decompress,
        "deflate": zlib.decompressobj().decompress,
        "br": brotli.Decompressor().process,
        "zstd": zstandard.ZstdDecompressor().decompressobj().decompress,
    }[coding]
    came = [unpacker(piece) if unpacker and piece else piece for piece in result.sent]
    assert came[:3] == [text.replace(B.encode(), P.encode()) for text in texts]
    assert b"".join(came[3:]) == b""


UNTOUCHED = [
    "application/grpc",
    "application/grpc+json",
    "application/grpc-web",
    "multipart/x-mixed-replace; boundary=b",
]


@pytest.mark.parametrize("content_type", UNTOUCHED)
def test_what_is_never_touched(content_type: str) -> None:
    rule = "outboundRules: [{name: r, match: {pattern: 'x'}, action: {type: Rewrite, value: y}}]"
    result = ask(rules_of(rule), f"{P}/", answer=(200, [("Content-Type", content_type), ("ETag", '"a"')], LINK))
    assert result.body == LINK
    assert field(result, "etag") == ['"a"']
    assert result.exchange.trace.problems() == []


SLOWLY = [
    ("text/html", b"<p>1"),
    ("application/json", b"[1]\n"),
    ("text/css", b"a{b:c}"),
    ("text/javascript", b"a()\n"),
]


@pytest.mark.parametrize(("content_type", "piece"), SLOWLY)
def test_a_body_that_comes_slowly_is_sent_piece_by_piece_though_little_has_come(
    content_type: str, piece: bytes
) -> None:
    result = stream(rules_of(""), [("Content-Type", content_type)], [piece] * 3, held=piece)
    assert result.sent == [piece, piece, piece, piece, b""]
    [released] = result.events("BODY_RELEASED")
    assert released == {
        "event": "BODY_RELEASED",
        "held": len(piece),
        "reason": Reason.COMES_SLOWLY,
        "why": "it comes slowly",
        "milliseconds": 1000,
    }
    assert result.exchange.trace.data["way"] == "stream"


def test_a_long_body_waits_for_its_encoding_to_be_told() -> None:
    page = b'<meta charset="utf-16le">'.ljust(600) + b'<meta charset="shift_jis">' + b"\x95\x5c" * 300 + LINK
    lines = [HTML, ("Content-Length", str(len(page)))]
    result = stream(rules_of("", settings=Settings(threshold=10)), lines, [page[:500], page[500:]])
    assert result.sent[0] == b""
    assert b"".join(result.sent) == page.replace(LINK, MAPPED)


def whole_body_rule(pattern: str, value: str = "b", **match: object) -> str:
    more = "".join(f", {name}: {given}" for name, given in match.items())
    action = f"action: {{type: Rewrite, value: '{value}'}}"
    return f"outboundRules: [{{name: r, match: {{pattern: '{pattern}'{more}}}, {action}}}]"


TEN = [HTML, ("Content-Length", "1000")]
SMALL = Settings(threshold=1, limit=10)


def test_occurrences_are_counted_for_the_body_and_not_for_each_window() -> None:
    result = stream(rules_of(whole_body_rule("a", occurrences=3), settings=SMALL), TEN, [b"..a..a....", b"a...a...a."])
    assert b"".join(result.sent) == b"..b..b....b...a...a."


def test_the_trace_tells_how_many_windows_there_were() -> None:
    result = stream(rules_of(whole_body_rule("a"), settings=SMALL), TEN, [b"." * 25])
    assert result.events("BODY_WINDOWS") == [{"event": "BODY_WINDOWS", "rule": "r", "windows": 3, "size": 10}]
    assert result.problems[0] == Reason.SEES_WINDOWS


def test_a_body_that_fits_into_a_window_is_seen_whole() -> None:
    result = stream(rules_of(whole_body_rule("^a*$"), settings=SMALL), TEN, [b"aaaaa", b"aaaaa"])
    assert b"".join(result.sent) == b"b"
    assert (result.events("BODY_WINDOWS"), result.problems) == ([], [])


def test_a_negated_rule_for_bodies_is_given_up_where_there_are_windows() -> None:
    result = stream(rules_of(whole_body_rule("x", negate="true"), settings=SMALL), TEN, [b"." * 25])
    assert b"".join(result.sent) == b"." * 25
    assert result.problems[0] == Reason.NEGATED_STREAM


def test_a_rule_for_bodies_sees_lines_where_a_body_is_never_held() -> None:
    lines = [("Content-Type", "application/x-ndjson")]
    result = stream(rules_of(whole_body_rule("a+")), lines, [b"[1,aa]\n[2,", b"aa]\n[3]\n", b"[a"])
    assert result.sent == [b"[1,b]\n", b"[2,b]\n[3]\n", b"", b"[b"]
    assert result.problems[0] == Reason.SEES_LINES


RECODED = [
    (Recode.SAME, "gzip", gzip.decompress),
    (Recode.FAST, "gzip", gzip.decompress),
    (Recode.PLAIN, None, bytes),
]


@pytest.mark.parametrize("threshold", [1, 10**6])
@pytest.mark.parametrize(("recode", "coding", "decode"), RECODED)
def test_a_rewritten_body_is_coded_again_as_it_is_set(recode, coding, decode, threshold: int) -> None:  # type: ignore[no-untyped-def]
    body = gzip.compress(LINK * 500)
    lines = [HTML, ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
    rules = rules_of("", settings=Settings(threshold=threshold, recode=recode))
    result = ask(rules, f"{P}/", answer=(200, lines, body))
    assert decode(result.body) == MAPPED * 500
    assert field(result, "content-encoding") == ([coding] if coding else [])


def test_what_did_not_change_keeps_its_coding() -> None:
    body = gzip.compress(b"<p>")
    lines = [HTML, ("Content-Encoding", "gzip")]
    result = ask(rules_of("", settings=Settings(recode=Recode.PLAIN)), f"{P}/", answer=(200, lines, body))
    assert (result.body, field(result, "content-encoding")) == (body, ["gzip"])


def test_a_damaged_coding_cuts_a_stream() -> None:
    body = gzip.compress(LINK * 2000, mtime=0)
    lines = [HTML, ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
    result = stream(rules_of("", settings=Settings(threshold=1)), lines, [body[:-8], b"no check", b"more"])
    assert zlib.decompressobj(31).decompress(result.sent[0]).startswith(MAPPED)
    assert result.sent[1:] == [b"", b"", b""]
    assert result.exchange.cut
    assert result.problems[0] == Reason.CODING_BROKEN


def test_a_damaged_coding_of_a_held_body_that_decodes_to_very_much_passes_as_it_came() -> None:
    body = gzip.compress(LINK * 10**6)[:-1]
    result = ask(
        rules_of("", settings=Settings(threshold=10**6)),
        f"{P}/",
        answer=(200, [HTML, ("Content-Encoding", "gzip")], body),
    )
    assert result.body is body
    assert not result.exchange.cut


class Failing:
    """A stage that keeps two bytes back and fails when it sees an exclamation mark."""

    def __init__(self) -> None:
        self.kept = b""

    @property
    def held(self) -> Held:
        return held(self.kept)

    def feed(self, chunk: bytes) -> bytes:
        if b"!" in chunk:
            raise RuntimeError("a fault of ours")
        data = self.kept + chunk
        self.kept = data[-2:]
        return data[:-2].upper()

    def finish(self) -> bytes:
        return self.feed(b"!") if self.kept == b"ab" else self.kept


@given(st.lists(st.binary(max_size=6)))
def test_a_stage_that_fails_is_taken_out_and_nothing_is_lost(pieces: list[bytes]) -> None:
    told: list[Exception] = []
    stage = FailOpen(Failing(), told.append)
    chain: BodyRewriter = Chain([stage, Chain([])])
    sent = b"".join([*(chain.feed(piece) for piece in pieces), chain.finish()])
    whole = b"".join(pieces)
    assert sent.upper() == whole.upper()
    assert len(told) <= 1
    assert bool(told) == (b"!" in whole or whole[-2:] == b"ab")


def test_what_cannot_go_on_ends() -> None:
    class Broken(Failing):
        def feed(self, chunk: bytes) -> bytes:
            raise CorruptCoding(str(chunk))

    told: list[Exception] = []
    ended = StopOnError(Broken(), (CorruptCoding,), told.append)
    assert [ended.feed(b"a"), ended.feed(b"b"), ended.finish(), ended.held()] == [b""] * 4
    assert len(told) == 1


def test_a_choice_that_fails_lets_the_body_pass() -> None:
    def choose(kind: Kind, charset: Charset) -> BodyRewriter:
        raise RuntimeError("a fault of ours")

    told: list[Exception] = []
    opening = DetectThenRewrite(Kind.HTML, None, choose, told.append, patient=True)
    assert [opening.feed(b"a" * 600), opening.held()] == [b"", b"a" * 600]
    assert [opening.feed(b"b" * 600), opening.feed(b"c"), opening.finish()] == [b"a" * 600 + b"b" * 600, b"c", b""]
    assert len(told) == 1


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30), st.booleans())
def test_windows_hold_what_they_must_and_lose_nothing(pieces: list[bytes], size: int, by_line: bool) -> None:
    seen: list[tuple[bytes, bool]] = []

    def rewrite(window: bytes, whole: bool) -> bytes:
        seen.append((window, whole))
        return window

    windows = Windows(size, rewrite, by_line=by_line)
    sent = b""
    for number, piece in enumerate(pieces):
        sent += windows.feed(piece)
        assert sent + windows.held() == b"".join(pieces[: number + 1])
        assert len(windows.held()) <= size
    assert sent + windows.finish() == b"".join(pieces)
    assert all(len(window) <= size or by_line for window, _ in seen)
    assert [whole for _, whole in seen if whole] == [True] * (len(seen) == 1 and seen[0] == (b"".join(pieces), True))
