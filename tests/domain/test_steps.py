from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.steps import Step


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("plain", "'plain'"),
        ("it's", "'it''s'"),
        ("\u2018typographic\u2019", "'\u2018\u2018typographic\u2019\u2019'"),
        ("$(Remove-Item)`n", "'$(Remove-Item)`n'"),
        ("", "''"),
        (True, "$true"),
        (False, "$false"),
        (None, "$null"),
        (2048, "2048"),
        (("a", "b'c"), "@('a', 'b''c')"),
        ((), "@()"),
        (datetime(2026, 8, 11, 14, 10, tzinfo=UTC), "'2026-08-11T14:10:00+00:00'"),
    ],
)
def test_a_value_is_printed_as_powershell_reads_it(value, literal):
    assert Step("exchange", "Set-X", {"Field": value}).powershell == f"Set-X -Field {literal}"


def test_a_switch_takes_its_value_after_a_colon():
    step = Step("exchange", "Enable-TransportRule", {"Identity": "OOF", "Confirm": False})
    assert step.powershell == "Enable-TransportRule -Identity 'OOF' -Confirm:$false"


@given(st.text())
def test_no_text_can_leave_its_quotes(text):
    """Inside PowerShell's single quotes only quotes are special: doubled ones in pairs, so none is left alone."""
    printed = Step("exchange", "Set-X", {"Field": text}).powershell.removeprefix("Set-X -Field ")
    assert printed[0] == printed[-1] == "'"
    inside = printed[1:-1]
    for quote in "'\u2018\u2019\u201a\u201b":
        assert inside.replace(quote * 2, "").count(quote) == 0


def test_what_was_planned_cannot_be_changed_afterwards():
    parameters: dict[str, str] = {"Identity": "a"}
    step = Step("exchange", "Set-X", parameters)
    parameters["Identity"] = "b"
    assert step.parameters["Identity"] == "a"
    with pytest.raises(TypeError):
        step.parameters["Identity"] = "c"  # type: ignore[index]


def test_the_key_names_the_write_and_not_the_order_of_its_parameters():
    one, same = Step("exchange", "Set-X", {"A": "1", "B": True}), Step("exchange", "Set-X", {"B": True, "A": "1"})
    assert one.key == same.key
    assert one.key != Step("exchange", "Set-X", {"A": "1", "B": "$true"}).key
