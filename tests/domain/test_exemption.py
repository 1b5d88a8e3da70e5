from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadField
from domain.exemption import LONGEST_ACCEPTED, refuse_end

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=365), LONGEST_ACCEPTED])
def test_a_person_answers_until_a_time_within_a_year(ahead):
    refuse_end(NOW + ahead, NOW)


@pytest.mark.parametrize("ahead", [timedelta(0), -timedelta(days=1), LONGEST_ACCEPTED + timedelta(seconds=1)])
def test_neither_the_past_nor_what_is_further_ahead_is_an_end(ahead):
    with pytest.raises(BadField, match=r"body\.until: should be"):
        refuse_end(NOW + ahead, NOW)
