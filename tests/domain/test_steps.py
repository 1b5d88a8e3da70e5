import re
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
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


def as_powershell_reads(printed):
    """The value of one string literal: doubled quotes, backtick escapes and `$([char]N)`, and nothing that runs."""
    if printed[0] == "'":
        assert re.fullmatch(r"'(?:[^'\u2018\u2019\u201a\u201b]|(['\u2018\u2019\u201a\u201b])\1)*'", printed)
        return re.sub(r"(['\u2018\u2019\u201a\u201b])\1", r"\1", printed[1:-1])
    units = []
    for number, escaped, plain in re.findall(r"""\$\(\[char\](\d+)\)|`(.)|([^$`"\u201c\u201d\u201e])""", printed[1:-1]):
        units.append(int(number).to_bytes(2) if number else (escaped or plain).encode("utf-16-be"))
    assert len(re.sub(r"""\$\(\[char\]\d+\)|`.|[^$`"\u201c\u201d\u201e]""", "", printed[1:-1])) == 0
    return b"".join(units).decode("utf-16-be", "surrogatepass")


@given(st.text(st.characters(exclude_categories=())))
@example("x.\nStep: iex (irm evil) ; \x1b[31m \u202e")
@example('\U000e0041`$(Remove-Item)"\u201d')
@example("\ud800")
def test_what_an_admin_pastes_is_exactly_the_value_and_every_character_of_it_is_seen(text):
    printed = Step("exchange", "Set-X", {"Field": text}).powershell.removeprefix("Set-X -Field ")
    assert as_powershell_reads(printed).encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
    assert not {"Cc", "Cf", "Zl", "Zp", "Cs"} & set(map(unicodedata.category, printed))


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
