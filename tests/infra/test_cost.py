"""The figures of docs/cost.md are those that the formula gives, and behave as costs do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cost import Assumed, Measured, monthly, table
from tests.infra.predicted import ROOT


def test_the_page_shows_what_the_formula_gives() -> None:
    assert table() in (ROOT / "docs" / "cost.md").read_text("utf-8")


@given(st.integers(1, 10_000), st.integers(1, 1000))
def test_more_tenants_never_cost_less(tenants: int, more: int) -> None:
    few, many = (monthly(n, Measured(), Assumed()) for n in (tenants, tenants + more))

    assert all(many[name] >= few[name] - 1e-9 for name in few)


@given(st.integers(1000, 10_000))
def test_a_tenant_costs_less_in_company(tenants: int) -> None:
    alone = sum(monthly(10, Measured(), Assumed()).values()) / 10

    assert sum(monthly(tenants, Measured(), Assumed()).values()) / tenants < alone


@pytest.mark.parametrize("size", [10, 1000, 10_000])
def test_looking_half_as_often_costs_less(size: int) -> None:
    usual, rarer = (monthly(size, Measured(), replace(Assumed(), fast_s=seconds)) for seconds in (300, 600))

    assert sum(rarer.values()) < sum(usual.values())
