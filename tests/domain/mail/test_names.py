import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.mail import names


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Contoso.COM.", "contoso.com"),
        (" contoso.com ", "contoso.com"),
        ("_DMARC.contoso.com", "_dmarc.contoso.com"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("B\u00dcCHER.example", "xn--bcher-kva.example"),
        ("fa\u00df.example", "xn--fa-hia.example"),
        ("b\u00fccher\u3002example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("com", "com"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_name_has_one_spelling(written, found):
    assert names.to_ascii(written) == found


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("", "empty label"),
        (".", "empty label"),
        ("a..example", "empty label"),
        ("contoso.com..", "empty label"),
        ("a" * 64 + ".example", "more than 63"),
        ("\u00fc" * 60 + ".example", "Label too long"),
        ("b ad.example", "'b ad'"),
        ('"q".example', "character"),
        ("a\u200d.example", "'a\\\\u200d'"),
        ("\u2488.example", "label"),
        ("a." * 126 + "aa", "at most 253"),
    ],
)
def test_what_is_no_name_is_refused_with_the_label(written, named):
    with pytest.raises(ValueError, match=named):
        names.to_ascii(written)


def test_a_name_of_253_characters_fits():
    assert len(names.to_ascii("a." * 126 + "a.")) == 253


def test_an_error_stays_short():
    with pytest.raises(ValueError, match="label") as caught:
        names.to_ascii("x" * 65_536)
    assert len(str(caught.value)) < 300


@given(st.text(max_size=80))
def test_folding_twice_changes_nothing_and_only_value_errors_leave(text):
    try:
        once = names.to_ascii(text)
    except ValueError:
        return
    assert names.to_ascii(once) == once
    assert once.isascii()
    assert once == once.lower()


def test_parents_go_up_to_the_top():
    assert names.parents("a.b.example") == ("a.b.example", "b.example", "example")


def test_being_under_a_name_counts_whole_labels():
    assert names.is_under("exchangedefender.com", "exchangedefender.com")
    assert names.is_under("inbound30.exchangedefender.com", "exchangedefender.com")
    assert not names.is_under("notexchangedefender.com", "exchangedefender.com")
