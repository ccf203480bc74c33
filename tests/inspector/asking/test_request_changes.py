"""Every change of a request changes one thing, and each kind of change is made."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.inspector.asking.request_changes import (
    Around,
    AskedKind,
    OtherUrl,
    Planned,
    Sent,
    Version,
    plan,
)
from urlrewrite.model.field_lines import FieldLines, field_values
from urlrewrite.model.origin import Origin

PUBLIC, BACKEND = Origin("https", "www.example.com", 443), Origin("http", "privateserver", 8080)
OURS: FieldLines = (
    ("X-Forwarded-For", "192.0.2.1"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", "for=192.0.2.1;proto=https"),
)
FIELDS: FieldLines = (
    ("Cookie", "a=1; b=2"),
    ("Accept-Encoding", "gzip"),
    ("Origin", "http://privateserver:8080"),
    *OURS,
)
SENT = Sent("GET", ("127.0.0.1", 8080), "privateserver", "privateserver:8080", "/page", FIELDS)
AROUND = Around(PUBLIC, BACKEND)


def planned(kind: AskedKind, sent: Sent = SENT, around: Around = AROUND) -> list[Planned]:
    return [each for each in plan(sent, around) if each.kind is kind]


def test_each_kind() -> None:
    other = OtherUrl(dataclasses.replace(SENT, target="/other"), "r", "rules.yaml:1", "{R:1}", "{R:2}")
    made = plan(SENT, Around(PUBLIC, BACKEND, (other,)))
    assert {each.kind for each in made} == set(AskedKind)
    assert made[0] == Planned(AskedKind.AS_IT_WAS, SENT)
    kinds = list(AskedKind)
    assert [kinds.index(each.kind) for each in made] == sorted(kinds.index(each.kind) for each in made)


def test_what_is_changed_is_said() -> None:
    (host,) = planned(AskedKind.OTHER_HOST)
    assert (host.was, host.becomes, host.sent.host) == ("privateserver:8080", "www.example.com", "www.example.com")
    (ours,) = planned(AskedKind.WITHOUT_OURS)
    assert ours.was == "X-Forwarded-For, X-Forwarded-Proto, Forwarded"
    assert [name for name, _ in ours.sent.fields] == ["Cookie", "Accept-Encoding", "Origin"]
    assert [each.was for each in planned(AskedKind.WITHOUT_COOKIE)] == ["a", "b"]
    assert [field_values(each.sent.fields, "cookie") for each in planned(AskedKind.FEWER_COOKIES)] == [["a=1"], ["b=2"]]


def test_what_identifies_a_person_is_not_sent_without_tls() -> None:
    with_tls = dataclasses.replace(SENT, tls=True)
    assert not planned(AskedKind.OTHER_TLS, with_tls)
    for name in ("Authorization", "cookie"):
        assert not planned(AskedKind.OTHER_TLS, dataclasses.replace(with_tls, fields=((name, "secret"),)))
    (plain,) = planned(AskedKind.OTHER_TLS, dataclasses.replace(with_tls, fields=()))
    assert not plain.sent.tls


def test_all_but_the_base_of_a_bare_request() -> None:
    bare = Sent("GET", ("127.0.0.1", 80), "x", PUBLIC.authority, "/", ())
    kinds = [AskedKind.AS_IT_WAS, AskedKind.OTHER_TLS, AskedKind.OTHER_VERSION]
    assert [each.kind for each in plan(bare, Around(PUBLIC, PUBLIC))] == kinds


NAMES = st.sampled_from([*(name for name, _ in FIELDS), "x-forwarded-proto", "COOKIE", "Accept", "X_Forwarded_Host"])
VALUES = st.sampled_from(["https", "a=1; b=2; c", "", "gzip", "null"])
REQUESTS = st.builds(
    Sent,
    st.sampled_from(["GET", "POST"]),
    st.just(("127.0.0.1", 8080)),
    st.just("privateserver"),
    st.sampled_from(["privateserver:8080", "www.example.com", "other"]),
    st.just("/page"),
    st.lists(st.tuples(NAMES, VALUES), max_size=8).map(tuple),
    st.sampled_from([b"", b"body"]),
    st.booleans(),
    st.sampled_from(Version),
)


@given(REQUESTS)
def test_a_change_changes_exactly_one_thing(sent: Sent) -> None:
    first, *others = plan(sent, AROUND)
    assert first.sent == sent
    for each in others:
        names = [field.name for field in dataclasses.fields(Sent)]
        differ = [name for name in names if getattr(each.sent, name) != getattr(sent, name)]
        assert len(differ) == 1
        if differ == ["fields"]:
            changed = set(sent.fields) ^ set(each.sent.fields)
            groups = {"x" if each.kind in _OF_SEVERAL else name.lower() for name, _ in changed}
            assert len(groups) <= 1


_OF_SEVERAL = {AskedKind.WITHOUT_OURS}
