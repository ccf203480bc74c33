from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.websocket import LeftAlone, map_message
from urlrewrite.model.origin import Origin

BACKEND, PUBLIC = Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443)
OUT, BACK = LinkMap([Pair(BACKEND, PUBLIC)]), LinkMap([Pair(PUBLIC, BACKEND)])

CASES = [
    (b"see http://privateserver:8080/x", b"see https://www.example.com/x"),
    (b'{"u":"http:\\/\\/privateserver:8080\\/x"}', b'{"u":"https:\\/\\/www.example.com\\/x"}'),
    (b'{"h":"privateserver:8080","n":1}', b'{"h":"www.example.com","n":1}'),
    (b'{"@context":"http://privateserver:8080/v"}', b'{"@context":"http://privateserver:8080/v"}'),
    # socket.io: an event, one of a namespace with an acknowledgement; its own frames
    (b'42["go",{"u":"http://privateserver:8080/x"}]', b'42["go",{"u":"https://www.example.com/x"}]'),
    (b'42/chat,7["ws://privateserver:8080/"]', b'42/chat,7["wss://www.example.com/"]'),
    (b'0{"sid":"x","upgrades":[]}', b'0{"sid":"x","upgrades":[]}'),
    (b"2probe", b"2probe"),
    # SockJS: a JSON text in a JSON string
    (b'a["{\\"u\\":\\"http://privateserver:8080/\\"}"]', b'a["{\\"u\\":\\"https://www.example.com/\\"}"]'),
    # SignalR: records
    (
        b'{"type":1,"a":["http://privateserver:8080/"]}\x1e{"type":6}\x1e',
        b'{"type":1,"a":["https://www.example.com/"]}\x1e{"type":6}\x1e',
    ),
    # STOMP: with a length, with two frames, without a length, an end of line to keep the connection open
    (
        b"MESSAGE\ncontent-length:28\nlink:http://privateserver:8080/d\n\nhttp://privateserver:8080/\xc3\xa9\0\n",
        b"MESSAGE\ncontent-length:26\nlink:https://www.example.com/d\n\nhttps://www.example.com/\xc3\xa9\0\n",
    ),
    (
        b"SEND\ncontent-length:27\n\nhttp://privateserver:8080/\0\0SEND\r\na:b\r\n\r\nhttp://privateserver:8080/\0",
        b"SEND\ncontent-length:25\n\nhttps://www.example.com/\0\0SEND\r\na:b\r\n\r\nhttps://www.example.com/\0",
    ),
    (b"\n", b"\n"),
    # pieces of pages: links, and not what readers see
    (
        b'<p id=a><a href="http://privateserver:8080/x">http://privateserver:8080</a>',
        b'<p id=a><a href="https://www.example.com/x">http://privateserver:8080</a>',
    ),
    (b"mail a@privateserver, http://privateserver:80801/", b"mail a@privateserver, http://privateserver:80801/"),
    (b"", b""),
]


def mapped(data: bytes, link_map: LinkMap = OUT) -> tuple[bytes, list[tuple[int, bytes, bytes]]]:
    told: list[tuple[int, bytes, bytes]] = []
    result = map_message(data, link_map, lambda *change: told.append(change))
    assert not result.left_alone
    return result.data, told


@pytest.mark.parametrize(("before", "after"), CASES)
def test_message(before: bytes, after: bytes) -> None:
    data, told = mapped(before)
    assert data == after
    for offset, was, _ in told:
        assert before[offset : offset + len(was)] == was
    assert mapped(after, BACK)[0] == before


@pytest.mark.parametrize(
    ("message", "why", "field"),
    [
        (
            b'a["MESSAGE\\ncontent-length:26\\n\\nhttp://privateserver:8080/x\\u0000"]',
            LeftAlone.LENGTH_TOLD,
            "content-length",
        ),
        (b"SEND\ncontent-length:999\n\nhttp://privateserver:8080/", LeftAlone.FRAME_GOES_ON, ""),
    ],
)
def test_a_length_that_cannot_be_mended_keeps_its_message_as_it_is(message: bytes, why: LeftAlone, field: str) -> None:
    result = map_message(message, OUT, lambda *_: None)
    assert result.data == message
    assert (result.left_alone, result.length_field) == (why, field)


@given(st.binary(max_size=80))
def test_what_does_not_name_the_backend_is_identical(data: bytes) -> None:
    assert mapped(data) == (data, [])


@given(st.recursive(st.text() | st.integers(), lambda items: st.lists(items) | st.dictionaries(st.text(), items)))
def test_json_stays_what_it_was_but_for_its_links(value: object) -> None:
    message = json.dumps(["http://privateserver:8080/x", value]).encode()
    assert json.loads(mapped(message)[0]) == ["https://www.example.com/x", value]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_the_length_of_a_frame_is_true(text: str) -> None:
    body = f"http://privateserver:8080/ {text}".encode()
    frame, _ = mapped(b"SEND\ncontent-length:%d\n\n%b\0" % (len(body), body))
    head, _, rest = frame.partition(b"\n\n")
    assert int(head.partition(b"content-length:")[2]) == len(rest) - 1
