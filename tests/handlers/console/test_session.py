"""Sealed documents: only this installation makes them, for a while, with any of its keys."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.console.session import ConsoleSession, Sealed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD, NEW = "k" * 32, "n" * 32


@given(st.dictionaries(st.text(), st.text()))
def test_what_was_sealed_opens_as_it_was_and_has_only_characters_that_a_cookie_keeps(document):
    sealed = Sealed((NEW,)).seal(document, NOW)
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert Sealed((NEW,)).open(sealed, HOUR, NOW) == document


def test_a_key_that_was_replaced_still_opens_and_one_that_was_taken_away_does_not():
    sealed = Sealed((OLD,)).seal({"a": 1}, NOW)
    assert Sealed((NEW, OLD)).open(sealed, HOUR, NOW) == {"a": 1}
    assert Sealed((NEW,)).open(sealed, HOUR, NOW) is None


def test_nothing_opens_after_its_time():
    sealed = Sealed((NEW,)).seal({}, NOW)
    assert Sealed((NEW,)).open(sealed, HOUR, NOW + HOUR + timedelta(seconds=2)) is None


@pytest.mark.parametrize("text", ["", "x", "gAAAA", "é", "=" * 50, "\x00"])
def test_what_is_no_seal_of_ours_opens_nothing(text):
    assert Sealed((NEW,)).open(text, HOUR, NOW) is None


def test_each_form_has_a_token_of_its_own():
    session = ConsoleSession.begun("ann", "oid 1", ("Admin",), NOW)
    assert session.form_token("/a") != session.form_token("/b")
    assert session.form_token("/a") != ConsoleSession.begun("ann", "oid 1", ("Admin",), NOW).form_token("/a")


def test_roles_include_what_they_include():
    session = ConsoleSession.begun("ann", "oid 1", ("Approver",), NOW)
    assert (session.may("Reader"), session.may("Approver"), session.may("Operator")) == (True, True, False)
