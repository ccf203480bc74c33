from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fields.portal import field_values
from urlrewrite.fields.validators import (
    after_rewrite,
    mark_etag,
    mark_validators,
    unmark_if_match,
    unmark_if_none_match,
    unmark_request_fields,
)
from urlrewrite.model.field_lines import FieldLines

OURS = "1a2b3c4d"
OTHER = "ffffffff"

MARKS = [
    ('"abc"', '"abc;ur=1a2b3c4d"'),
    ('W/"abc"', 'W/"abc;ur=1a2b3c4d"'),
    ('""', '";ur=1a2b3c4d"'),
    ('"abc-gzip"', '"abc-gzip;ur=1a2b3c4d"'),
    ("abc", "abc;ur=1a2b3c4d"),
    ("", ""),
    ('"abc;ur=1a2b3c4d"', '"abc;ur=1a2b3c4d"'),
    ('"abc;ur=1a2b3c4d-gzip"', '"abc;ur=1a2b3c4d-gzip"'),
    ('"abc;ur=1a2b3c4de"', '"abc;ur=1a2b3c4de;ur=1a2b3c4d"'),
    ('"abc;ur=ffffffff"', '"abc;ur=ffffffff;ur=1a2b3c4d"'),
]


@pytest.mark.parametrize(("tag", "marked"), MARKS)
def test_mark(tag: str, marked: str) -> None:
    assert mark_etag(tag, OURS) == marked


NONE_MATCH = [
    ('"abc;ur=1a2b3c4d"', '"abc"', True),
    ('W/"abc;ur=1a2b3c4d"', 'W/"abc"', True),
    ('"abc;ur=1a2b3c4d-gzip"', '"abc-gzip"', True),
    ("abc;ur=1a2b3c4d", "abc", True),
    ('"abc;ur=ffffffff"', None, False),
    ('"a;ur=ffffffff", "b;ur=1a2b3c4d" ,W/"c"', '"b", W/"c"', True),
    ('"a;ur=ffffffff;ur=1a2b3c4d"', '"a;ur=ffffffff"', True),
    ('"a,b;ur=1a2b3c4d"', '"a,b"', True),
    ('"abc"', '"abc"', False),
    ('"a" ,  W/"b"', '"a" ,  W/"b"', False),
    ("*", "*", False),
    ("", "", False),
]


@pytest.mark.parametrize(("value", "expected", "carried"), NONE_MATCH)
def test_if_none_match(value: str, expected: str | None, carried: bool) -> None:
    assert unmark_if_none_match(value, OURS) == (expected, carried)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"abc;ur=1a2b3c4d"', '"abc"'),
        ('"abc;ur=ffffffff", "b"', '"abc", "b"'),
        ('"abc"', '"abc"'),
        ("*", "*"),
    ],
)
def test_if_match_never_loses_its_guard(value: str, expected: str) -> None:
    assert unmark_if_match(value) == expected


opaque = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'), max_size=12)
entity_tags = st.builds('{}"{}"'.format, st.sampled_from(["", "W/"]), opaque)


@given(entity_tags)
def test_unmarked_is_what_was_marked(tag: str) -> None:
    assert unmark_if_none_match(mark_etag(tag, OURS), OURS) == (tag, True)
    assert mark_etag(mark_etag(tag, OURS), OURS) == mark_etag(tag, OURS)
    assert mark_etag(tag, OURS).startswith("W/") == tag.startswith("W/")
    assert unmark_if_none_match(mark_etag(tag, OTHER), OURS) == (None, False)


@given(st.lists(entity_tags, min_size=1))
def test_lists_are_unmarked_tag_by_tag(tags: list[str]) -> None:
    marked = ", ".join(mark_etag(tag, OURS) for tag in tags)
    assert unmark_if_none_match(marked, OURS) == (", ".join(tags), True)
    assert unmark_if_match(marked) == ", ".join(tags)


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"

# request fields, what the backend sees, whether a mark was carried
REQUESTS = [
    ((("If-None-Match", '"a;ur=1a2b3c4d"'), ("If-Modified-Since", DATE)),
     (("If-None-Match", '"a"'), ("If-Modified-Since", DATE)), True),
    ((("If-None-Match", '"a;ur=ffffffff"'), ("If-Modified-Since", DATE), ("Accept", "*")),
     (("Accept", "*"),), False),
    ((("If-None-Match", '"a;ur=ffffffff", "b"'), ("If-Modified-Since", DATE)), (("If-None-Match", '"b"'),), False),
    ((("If-None-Match", '"a"'), ("If-Modified-Since", DATE)),
     (("If-None-Match", '"a"'), ("If-Modified-Since", DATE)), False),
    ((("If-Modified-Since", DATE),), (("If-Modified-Since", DATE),), False),
    ((("if-match", '"a;ur=ffffffff"'),), (("if-match", '"a"'),), False),
    ((("Range", "bytes=0-1"), ("If-Range", '"a;ur=1a2b3c4d"')), (), False),
    ((("If-Range", '"a;ur=ffffffff"'), ("Range", "bytes=0-1")), (), False),
    ((("Range", "bytes=0-1"), ("If-Range", '"a"')), (("Range", "bytes=0-1"), ("If-Range", '"a"')), False),
    ((("Range", "bytes=0-1"), ("If-Range", DATE)), (("Range", "bytes=0-1"), ("If-Range", DATE)), False),
    ((("Range", "bytes=0-1"),), (("Range", "bytes=0-1"),), False),
]  # fmt: skip


# The same where what is asked for is rewritten: validators without a mark are of a time when it was not.
MARKED_ONLY = [
    ((("If-None-Match", '"a"'), ("If-Modified-Since", DATE), ("Accept", "*")), (("Accept", "*"),), False),
    ((("If-None-Match", '"a", "b;ur=1a2b3c4d"'), ("If-Modified-Since", DATE)),
     (("If-None-Match", '"b"'),), True),
    ((("If-None-Match", "*"),), (("If-None-Match", "*"),), False),
    ((("If-Modified-Since", DATE),), (), False),
    ((("If-Match", '"a"'), ("If-Unmodified-Since", DATE)), (("If-Match", '"a"'), ("If-Unmodified-Since", DATE)), False),
    ((("Range", "bytes=0-1"), ("If-Range", '"a"')), (("Range", "bytes=0-1"), ("If-Range", '"a"')), False),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "carried"), MARKED_ONLY)
def test_where_all_copies_are_marked_no_other_is_confirmed(
    before: FieldLines, after: FieldLines, carried: bool
) -> None:
    result = unmark_request_fields(before, OURS, marked_only=True)
    assert (result.fields, result.carried_mark) == (after, carried)


def test_a_part_of_what_is_rewritten_is_not_asked_for() -> None:
    asked = (("Range", "bytes=0-1"), ("If-Range", DATE), ("Accept", "*"))
    assert unmark_request_fields(asked, OURS, whole_only=True).fields == (("Accept", "*"),)


@pytest.mark.parametrize(("before", "after", "carried"), REQUESTS)
def test_conditions_of_a_request(before: FieldLines, after: FieldLines, carried: bool) -> None:
    result = unmark_request_fields(before, OURS)
    assert (result.fields, result.carried_mark) == (after, carried)
    assert bool(result.changes) == (before != after)


REPRESENTATIONS = [
    ((("ETag", '"a"'), ("Last-Modified", DATE), ("Accept-Ranges", "bytes")),
     (("ETag", '"a;ur=1a2b3c4d"'), ("Accept-Ranges", "none"))),
    ((("Last-Modified", DATE),), (("Accept-Ranges", "none"),)),
    ((("etag", 'W/"a"'),), (("etag", 'W/"a;ur=1a2b3c4d"'), ("Accept-Ranges", "none"))),
    ((("ETag", '"a;ur=1a2b3c4d"'), ("accept-ranges", "none")),
     (("ETag", '"a;ur=1a2b3c4d"'), ("accept-ranges", "none"))),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), REPRESENTATIONS)
def test_validators_of_a_representation(before: FieldLines, after: FieldLines) -> None:
    fields, changes = mark_validators(before, OURS)
    assert fields == after
    assert bool(changes) == (before != after)


CHUNKED = ("Transfer-Encoding", "chunked")

# fields, length, chunked, expected
BODIES = [
    ((("Content-Length", "10"), ("X", "1")), 12, False, (("Content-Length", "12"), ("X", "1"))),
    ((("Content-Length", "10"), ("content-length", "10")), 12, False, (("Content-Length", "12"),)),
    ((CHUNKED,), 12, True, (("Content-Length", "12"),)),
    ((("Content-Length", "10"), CHUNKED), 0, True, (("Content-Length", "0"),)),
    ((), 12, False, (("Content-Length", "12"),)),
    ((("Content-Length", "12"),), 12, False, (("Content-Length", "12"),)),
    ((("Content-Length", "10"),), None, True, (CHUNKED,)),
    ((("Content-Length", "10"),), None, False, ()),
    ((CHUNKED,), None, True, (CHUNKED,)),
    ((CHUNKED,), None, False, ()),
    ((("Content-MD5", "x"), ("digest", "x"), ("Content-Digest", "x"), ("Repr-Digest", "x"),
      ("x-amz-checksum-crc32", "x"), ("X-Goog-Hash", "x"), ("X-Content-SHA256", "x"), ("Want-Digest", "x")),
     None, False, (("Want-Digest", "x"),)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "length", "chunked", "after"), BODIES)
def test_after_a_body_was_rewritten(before: FieldLines, length: int | None, chunked: bool, after: FieldLines) -> None:
    fields, changes = after_rewrite(before, length, changed=True, chunked=chunked)
    assert fields == after
    assert bool(changes) == (before != after)


@pytest.mark.parametrize(
    ("name", "value", "warned"),
    [
        ("Signature", "sig1=:x:", True),
        ("Signature-Input", 'sig1=("content-digest")', True),
        ("Content-Security-Policy", "script-src 'sha256-x'", True),
        ("Content-Security-Policy", "script-src 'nonce-x'", False),
    ],
)
def test_what_a_changed_body_breaks_is_told(name: str, value: str, warned: bool) -> None:
    fields, changes = after_rewrite(((name, value),), None, changed=True)
    assert fields == ((name, value),)
    assert [change.warning for change in changes] == ([True] if warned else [])


names = st.sampled_from(["Content-Length", "Digest", "Transfer-Encoding", "ETag", "Signature", "X", "Content-Type"])


@given(st.lists(st.tuples(names, field_values)).map(tuple), st.none() | st.integers(0, 9))
def test_a_body_that_was_not_changed_leaves_all_as_it_is(fields: FieldLines, length: int | None) -> None:
    assert after_rewrite(fields, length, changed=False) == (fields, [])


@given(st.lists(st.tuples(names, field_values)).map(tuple), st.none() | st.integers(0, 9), st.booleans())
def test_framing_is_never_ambiguous(fields: FieldLines, length: int | None, chunked: bool) -> None:
    after, _ = after_rewrite(fields, length, changed=True, chunked=chunked)
    framing = [line for line in after if line[0] in ("Content-Length", "Transfer-Encoding")]
    assert len(framing) == (1 if length is not None or chunked else 0)
    if length is not None:
        assert framing == [("Content-Length", str(length))]


request_names = st.sampled_from(["If-None-Match", "If-Match", "If-Range", "Range", "If-Modified-Since", "Accept"])


@given(st.lists(st.tuples(request_names, field_values)).map(tuple))
def test_without_a_mark_request_fields_are_identical(fields: FieldLines) -> None:
    result = unmark_request_fields(fields, OURS)
    assert (result.fields, result.changes, result.carried_mark) == (fields, [], False)
