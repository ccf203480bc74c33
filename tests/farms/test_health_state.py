"""When a server is held to be well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farms.support import address, at_work
from urlrewrite.farms.budget import MAX_SAVED, MIN_RETRIES, RetryBudget
from urlrewrite.farms.health_state import MAX_EJECTIONS, Health, HealthReason, in_ranges
from urlrewrite.model.farms import HealthTest, LiveTest

TEST_FAILURES = {reason for reason in HealthReason if reason.startswith("test-")} - {HealthReason.TEST_PASSED}
FAILED = HealthReason.TEST_STATUS
LIVE = LiveTest(failures=3, period=10.0, ejection=30.0)


def test_a_url_takes_out_after_so_many_failures_in_a_row_and_lets_in_after_one_success() -> None:
    health = Health(HealthTest(url="/", retries=3), 0.0)
    outcomes = [FAILED, FAILED, None, FAILED, FAILED, FAILED, FAILED, None]
    seen = []
    for now, outcome in enumerate(outcomes):
        health.tested(outcome, float(now))
        seen.append(health.look(float(now)))
    assert seen == [True, True, True, True, True, False, False, True]
    assert (health.reason, health.since) == (HealthReason.TEST_PASSED, 7.0)


@pytest.mark.parametrize(
    "failure", [item for item in HealthReason if item.startswith("test-") and item != "test-passed"]
)
def test_why_a_server_is_out_is_said(failure: HealthReason) -> None:
    health = Health(HealthTest(url="/", retries=1), 0.0)
    assert health.reason is HealthReason.UNTESTED
    health.tested(failure, 1.0)
    assert (health.look(1.0), health.reason, health.since) == (False, failure, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "well"),
    [
        (HealthTest(url="/", retries=1), HealthTest(), True),
        (HealthTest(url="/", retries=1), HealthTest(live=LIVE), True),
        (HealthTest(url="/", retries=1), HealthTest(url="/other"), False),
    ],
)
@pytest.mark.parametrize("failure", sorted(TEST_FAILURES))
def test_a_server_that_no_test_could_let_in_again_is_let_in(
    before: HealthTest, after: HealthTest, well: bool, failure: HealthReason
) -> None:
    health = Health(before, 0.0)
    health.tested(failure, 1.0)
    health.judge_by(after)
    assert health.look(2.0) is well
    assert health.reason is (HealthReason.UNTESTED if well else failure)


@pytest.mark.parametrize("after", [HealthTest(), HealthTest(live=LIVE)])
def test_a_server_that_a_person_took_out_stays_out_when_the_rules_change(after: HealthTest) -> None:
    health = Health(HealthTest(url="/"), 0.0)
    health.set_by_hand(healthy=False, now=1.0)
    health.judge_by(after)
    assert (health.look(1000.0), health.reason) == (False, HealthReason.SET_BY_HAND)


@pytest.mark.parametrize(
    ("failed_at", "well"),
    [((0.0, 1.0), True), ((0.0, 1.0, 2.0), False), ((0.0, 6.0, 12.0), True), ((0.0, 6.0, 12.0, 13.0), False)],
)
def test_real_requests_take_out_when_enough_fail_within_the_period(failed_at: tuple[float, ...], well: bool) -> None:
    health = Health(HealthTest(live=LIVE), 0.0)
    for now in failed_at:
        health.served(now, status=None)
    assert health.look(failed_at[-1]) is well


@pytest.mark.parametrize(("status", "counts"), [(500, True), (599, True), (499, False), (200, False), (None, True)])
def test_what_counts_as_a_failure(status: int | None, counts: bool) -> None:
    health = Health(HealthTest(live=LIVE), 0.0)
    for _ in range(3):
        health.served(1.0, status=status)
    assert health.look(1.0) is not counts


def test_without_a_live_test_real_requests_take_nobody_out() -> None:
    health = Health(HealthTest(), 0.0)
    for _ in range(100):
        health.served(1.0, status=None)
    assert health.look(1.0)


def fail(health: Health, now: float) -> None:
    for _ in range(LIVE.failures):
        health.served(now, status=None)


def test_each_ejection_lasts_longer_until_a_server_was_well_for_as_long() -> None:
    health = Health(HealthTest(live=LIVE), 0.0)
    fail(health, 0.0)
    assert health.reason is HealthReason.LIVE_TRAFFIC
    assert [health.look(now) for now in (0.0, 29.9, 30.0)] == [False, False, True]
    assert health.reason is HealthReason.EJECTION_OVER
    fail(health, 31.0)
    assert [health.look(now) for now in (90.9, 91.0)] == [False, True]
    fail(health, 200.0)
    assert [health.look(now) for now in (229.9, 230.0)] == [False, True]


def test_ejections_grow_no_more_after_a_while() -> None:
    health = Health(HealthTest(live=LIVE), 0.0)
    now = 0.0
    for _ in range(MAX_EJECTIONS + 5):
        fail(health, now)
        now = health.changes_at(now)
        assert health.look(now)
    fail(health, now)
    assert health.changes_at(now) - now == LIVE.ejection * MAX_EJECTIONS


def test_a_url_that_is_tested_alone_lets_in_again() -> None:
    health = Health(HealthTest(url="/", live=LIVE), 0.0)
    fail(health, 0.0)
    assert not health.look(1000.0)
    health.tested(None, 1001.0)
    assert health.look(1001.0)


def test_a_person_may_say_otherwise_until_the_next_test() -> None:
    health = Health(HealthTest(url="/", retries=1), 0.0)
    health.set_by_hand(healthy=False, now=1.0)
    assert (health.look(1.0), health.reason) == (False, HealthReason.SET_BY_HAND)
    health.tested(None, 2.0)
    assert health.look(2.0)


def test_a_server_that_is_let_in_again_starts_slowly() -> None:
    health = Health(HealthTest(url="/", retries=1, slow_start=30.0), 0.0)
    assert health.share(0.0) == 1.0
    health.tested(FAILED, 1.0)
    health.tested(None, 10.0)
    health.tested(None, 20.0)
    assert [round(health.share(now), 2) for now in (10.0, 25.0, 40.0, 100.0)] == [0.1, 0.55, 1.0, 1.0]


def test_shares_are_used_and_change_by_time_alone() -> None:
    farm = at_work("a", "b", health=HealthTest(url="/", retries=1, slow_start=30.0))
    farm.tested(farm.loads[0], FAILED, 0.0)
    farm.tested(farm.loads[0], None, 0.0)
    assert [address(farm, now=0.0) for _ in range(110)].count("a") == 10
    assert [address(farm, now=30.0) for _ in range(100)].count("a") == 50


def test_an_ejected_server_comes_back_by_time_alone() -> None:
    farm = at_work("a", "b", health=HealthTest(live=LIVE))
    for _ in range(3):
        farm.loads[0].begin()
        farm.end(farm.loads[0], 0.0, status=None)
    assert {address(farm, now=29.0) for _ in range(4)} == {"b"}
    assert {address(farm, now=30.0) for _ in range(4)} == {"a", "b"}


def test_a_server_that_was_ejected_starts_slowly() -> None:
    farm = at_work("a", "b", health=HealthTest(live=LiveTest(), slow_start=30.0))
    for now in range(10):
        assert {address(farm, now=float(now)) for _ in range(2)} == {"a", "b"}
        farm.loads[0].begin()
        farm.end(farm.loads[0], float(now), status=500)
    back = 9.0 + LiveTest().ejection
    assert {address(farm, now=now) for now in (9.0, back - 0.1) for _ in range(9)} == {"b"}
    assert [address(farm, now=back) for _ in range(110)].count("a") == 10
    assert [address(farm, now=back + 15.0) for _ in range(155)].count("a") == 55
    assert [address(farm, now=back + 30.0) for _ in range(100)].count("a") == 50


@pytest.mark.parametrize(("status", "inside"), [(199, False), (200, True), (204, True), (399, True), (400, False)])
def test_ranges_hold_both_ends(status: int, inside: bool) -> None:
    assert in_ranges(status, ((200, 399),)) is inside


@given(st.lists(st.sampled_from(["begin", "retry", "end"]), max_size=200))
def test_retries_stay_within_the_budget(steps: list[str]) -> None:
    budget = RetryBudget(0.25)
    under_way: list[int] = []
    saved = 0.0
    for step in steps:
        if step == "begin":
            budget.begin()
            under_way.append(0)
            saved = min(saved + 0.25, MAX_SAVED)
        elif step == "retry" and under_way:
            allowed = saved >= 1 or sum(under_way) < MIN_RETRIES
            assert budget.retry() is allowed
            saved -= saved >= 1
            under_way[-1] += allowed
        elif step == "end" and under_way:
            budget.end(under_way.pop())
    assert (budget.requests, budget.retries) == (len(under_way), sum(under_way))


def test_quiet_times_save_up_so_many_retries_at_most() -> None:
    budget = RetryBudget(0.2)
    for _ in range(100_000):
        budget.begin()
    assert sum(budget.retry() for _ in range(1000)) == MAX_SAVED
