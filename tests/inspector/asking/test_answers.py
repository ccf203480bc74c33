"""Which answers are better, and what is asked next."""

from __future__ import annotations

import pytest

from inspector.asking.test_request_changes import AROUND, SENT
from urlrewrite.inspector.asking.answers import MAX_ASKED, Answer, Asked, is_better
from urlrewrite.inspector.asking.request_changes import AskedKind, Planned, plan


def redirect(location: str) -> Answer:
    return Answer(302, (("Location", location),))


NONE, HOST, FIELD, COOKIES = Answer(None), AskedKind.OTHER_HOST, AskedKind.WITHOUT_FIELD, AskedKind.WITHOUT_COOKIES

BETTER: list[tuple[Answer, AskedKind, Answer, bool]] = [
    (Answer(500), FIELD, Answer(200), True),
    (Answer(500), FIELD, Answer(404), False),
    (Answer(500), FIELD, NONE, False),
    (NONE, FIELD, Answer(200), True),
    # A login page, or a redirect to it, says nothing of the field that is missing.
    (Answer(500), FIELD, redirect("/login"), False),
    (Answer(400), HOST, redirect("/home"), True),
    (NONE, HOST, redirect("/home"), True),
    # To the same address, as by https: it would be redirected again.
    (Answer(400), HOST, redirect("https://privateserver/page"), False),
    # What is no URL leads nowhere, and not back.
    (Answer(400), HOST, redirect("http://[x"), True),
    (Answer(302), HOST, redirect("/home"), False),
    (Answer(302), HOST, Answer(200), True),
    (Answer(400), HOST, Answer(304), False),
    # Without its cookies it is a stranger who asks.
    (Answer(403), COOKIES, Answer(200), False),
    (Answer(404), COOKIES, Answer(200), False),
    (Answer(431), COOKIES, Answer(200), True),
]


@pytest.mark.parametrize(("base", "kind", "answer", "better"), BETTER)
def test_which_answer_is_better(base: Answer, kind: AskedKind, answer: Answer, better: bool) -> None:
    assert is_better(base, Planned(kind, SENT), answer) is better


def asked_with(statuses: dict[AskedKind, int], otherwise: int = 500) -> list[AskedKind]:
    asked = Asked(plan(SENT, AROUND), 500)
    while (planned := asked.next()) is not None:
        asked.answers.append((planned, Answer(statuses.get(planned.kind, otherwise))))
    return [planned.kind for planned, _ in asked.answers]


def test_smaller_changes_follow_a_larger_one_that_helped() -> None:
    smaller = {AskedKind.WITHOUT_FIELD, AskedKind.WITHOUT_COOKIE, AskedKind.FEWER_COOKIES}
    assert not smaller & set(asked_with({}))
    assert smaller & set(asked_with({AskedKind.WITHOUT_OURS: 200})) == {AskedKind.WITHOUT_FIELD}
    cookies = {AskedKind.WITHOUT_COOKIE, AskedKind.FEWER_COOKIES}
    assert smaller & set(asked_with({AskedKind.WITHOUT_COOKIES: 200})) == cookies


@pytest.mark.parametrize("status", [200, 401, 502])
def test_nothing_more_is_asked_where_the_request_does_not_fail_as_it_did(status: int) -> None:
    assert asked_with({}, otherwise=status) == [AskedKind.AS_IT_WAS]


def test_no_more_are_sent_than_may_be() -> None:
    asked = Asked([Planned(AskedKind.OTHER_HOST, SENT) for _ in range(MAX_ASKED + 5)], 500)
    while (planned := asked.next()) is not None:
        asked.answers.append((planned, Answer(500)))
    assert len(asked.answers) == MAX_ASKED


@pytest.mark.parametrize(
    ("answer", "told"),
    [(Answer(404), "404"), (redirect("/x"), "302 to /x"), (NONE, "no answer"), (Answer(None, (), "cut"), "cut")],
)
def test_an_answer_as_text(answer: Answer, told: str) -> None:
    assert answer.text == told
