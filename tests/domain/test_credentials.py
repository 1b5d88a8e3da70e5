"""A credential that ends is told of 30, 14 and 3 days before."""

from datetime import timedelta

import pytest

from domain.credentials import Expiring, warning
from tests.domain.builders import NOW


@pytest.mark.parametrize(("days", "told"), [(31, None), (30, 30), (15, 30), (14, 14), (4, 14), (3, 3), (0, 3), (-2, 3)])
def test_it_is_told_at_the_last_of_three_dates_that_has_come(days, told):
    found = warning(Expiring("key-nightly", "the key 'nightly'", NOW + timedelta(days=days)), NOW)
    assert (found and found.summary) == (told and f"a credential ends within {told} days")


def test_it_names_what_ends_and_when():
    found = warning(Expiring("certificate", "the certificate", NOW + timedelta(days=1)), NOW)
    assert found
    assert (found.id, found.kind) == ("credential-certificate", "credential")
    assert "the certificate ends at 2026-11-24 12:00 UTC" in found.detail


def test_a_long_name_still_makes_an_id():
    found = warning(Expiring("key-" + "x" * 60, "x", NOW), NOW)
    assert found
    assert len(found.id) == 40
