"""What is logged is one line of ours, whoever chose the words in it."""

import logging
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clients import log_lines
from clients.errors import ClientError

ANY = st.text(st.characters(exclude_categories=()), max_size=60)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(ANY)
@example("T-1\n2026-11-29 12:00:00 INFO corrected tenant=7b1f control=mx")
@example("T-1 tenant=7b1f event=corrected")
@example("\x1b[2K\u202e\u2028")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_makes_a_line_or_a_field_of_its_own(caplog: pytest.LogCaptureFixture, text: str) -> None:
    caplog.clear()
    logging.getLogger("holdfast.webhooks").warning("asked ticket=%s error=%s", text, ClientError(text))

    [record] = caplog.records
    line = record.getMessage()
    assert not UNSEEN & set(map(unicodedata.category, line))
    outside = re.sub(r"'(?:[^'\\]|\\.)*'", "''", line)
    assert re.findall(r"(\w+)=", outside) == ["ticket", "error"]


@given(ANY)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_librarys_line_stays_one_line_too(caplog: pytest.LogCaptureFixture, text: str) -> None:
    caplog.clear()
    logging.getLogger("azure.core").warning(text)

    [record] = caplog.records
    assert not UNSEEN & set(map(unicodedata.category, record.getMessage()))


def test_what_an_error_quotes_begins_no_line(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("no\ncorrected tenant=7b1f")
    logging.getLogger("platform").error("failed", exc_info=error)

    assert "ValueError: no" in caplog.text
    assert not [line for line in caplog.text.splitlines() if line.startswith("corrected")]


def test_a_line_whose_values_do_not_fit_is_still_told(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("azure.core").warning("%d things", "many")

    assert "%d things" in caplog.text


def test_ids_are_fields_of_every_line_inside_and_of_none_outside(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("holdfast.x")
    with log_lines.ids(tenant="7b1f\n", operation=None):
        log.warning("inside")
    log.warning("outside")

    inside, outside = caplog.records
    assert (inside.__dict__["tenant"], "operation" in inside.__dict__) == ("7b1f\\u{a}", False)
    assert "tenant" not in outside.__dict__
