"""The bill's model behaves as the platform does, and docs/cost.md shows what it gives."""

from random import Random

import pytest

from benchmarks.bill import report
from benchmarks.bill.fleet import Intervals, Workload
from benchmarks.bill.month import MONTH_H, PRICES, bill
from benchmarks.bill.platform import Group, Message, Shape
from benchmarks.children import ROOT


def chance():
    """The same each time."""
    return Random(1)  # noqa: S311 - no secret


def ran(shape, messages, seconds=600.0):
    group = Group(shape, chance())
    group.put(messages)
    group.run(seconds)
    return group.outcome


def message(at=0.0, *, put_at=None, tenant=0, cpu_s=0.01, answer_s=1.0):
    return Message(at, tenant, at if put_at is None else put_at, 1, cpu_s, answer_s)


def test_hidden_messages_count_as_soon_as_one_is_visible():
    group = Group(Shape(), chance())
    group.put([message(0.0), *(message(300.0, put_at=0.0, tenant=n) for n in range(100))])
    assert group.length(0.0) == 101


def test_messages_that_are_all_hidden_or_not_put_yet_count_nothing():
    group = Group(Shape(), chance())
    group.put([message(300.0, put_at=0.0), message(300.0)])
    assert group.length(0.0) == 0


def test_hidden_messages_start_instances_and_shards_do_not():
    hidden = ran(Shape(), [message(float(n), put_at=0.0, tenant=n) for n in range(500)])
    shards = ran(Shape(), [Message(60.0 * n, n, 60.0 * n, 25, 0.25, 1.5) for n in range(10)])
    assert max(hidden.instances) > 5 * max(shards.instances)


def test_every_message_is_worked_on_once_and_a_stretch_is_paid_for_as_a_second_at_least():
    outcome = ran(Shape(gigabytes=0.5), [message(100.0 * n, answer_s=0.1) for n in range(5)])
    assert (outcome.executions, outcome.gb_seconds) == (5, 5 * 0.5)


def test_one_warm_instance_asks_for_a_token_once_an_hour_at_most():
    looks = [message(300.0 * n) for n in range(12)]
    assert ran(Shape(most=1, always=1), looks, 3600.0).without_token == 1


def test_the_vault_signs_once_for_each_tenant_of_a_shard_whenever_its_tokens_are_renewed():
    looks = [Message(300.0 * n, 0, 300.0 * n, 25, 0.01, 1.0) for n in range(36)]
    signatures = ran(Shape(most=1, always=1), looks, 3 * 3600.0).signatures
    assert signatures % 25 == 0
    assert 2 * 25 <= signatures <= 4 * 25


def test_a_bill_pays_for_what_the_vault_signs():
    looks = [Message(60.0 * n, n, 60.0 * n, 25, 0.01, 1.0) for n in range(40)]
    dear = bill(Workload({"visit": looks}, tables=0.0), {"visit": Shape(most=1, always=1)}, 1.0)
    cheap = bill(Workload({"visit": looks[:4]}, tables=0.0), {"visit": Shape(most=1, always=1)}, 1.0)
    signed = 36 * 25 * MONTH_H
    assert dear.columns["vault"] - cheap.columns["vault"] == pytest.approx(
        signed / 1e4 * PRICES["ten_thousand_vault_operations"]
    )


@pytest.mark.parametrize("size", report.SIZES[:3])
def test_the_page_shows_what_the_model_gives(size):
    shown = report.PAGE.read_text("utf-8").splitlines()
    for engine, run in (("sweep", report.before), ("tick", report.now)):
        assert report.row(size, engine, run(size)) in shown


@pytest.mark.parametrize(("size", "goal"), report.GOALS.items())
def test_the_goals_are_met_and_the_page_says_so(size, goal):
    now = report.now(size)
    assert now.total < goal
    assert now.waited < report.MOST_WAITING
    assert report.row(size, "tick", now) in report.PAGE.read_text("utf-8").splitlines()


@pytest.mark.parametrize("most", report.SIZE_UP_TO)
def test_up_to_each_size_one_interval_is_enough_and_few_looks_wait_for_a_token(most):
    now = report.now(most)
    assert now.waited < report.MOST_WAITING
    assert now.seen_p95_s < Intervals().fast_s


def test_the_template_and_the_page_advise_the_sizes_of_the_model():
    small, middle, large = report.SIZE_UP_TO
    template = (ROOT / "infra" / "main.bicep").read_text("utf-8")
    assert f"512 does up to about {small:,} tenants, 2048 up to {middle:,}" in template
    assert f"param maximumInstanceCount int = {report.size_for(small).most}" in template
    for page in ("cost.md", "operations.md"):
        told = (ROOT / "docs" / page).read_text("utf-8")
        assert f"{small:,}" in told and f"{middle:,}" in told, page
    assert report.size_for(large).gigabytes == 4.0
    with pytest.raises(ValueError, match="reckoned"):
        report.size_for(large + 1)
