import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain import normal
from domain.mail import names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ExchangeDefender", " exchangedefender\u200b"),
        ("A  B", "a b"),
        ("Stra\u00dfe", "STRASSE"),
        ("\ufeffName", "name"),
    ],
)
def test_names_that_look_the_same_are_the_same(one, other):
    assert normal.name(one) == normal.name(other)


@pytest.mark.parametrize("text", ["*", "smtp:*;1", "SMTP:*;12", " * "])
def test_the_wildcard_has_many_spellings(text):
    assert normal.domain(text) == "*"


def test_a_domain_is_folded():
    assert normal.domain("smtp:Contoso.COM.;5") == "contoso.com"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("B\u00fccher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("fa\u00df.example", "xn--fa-hia.example"),
        ("\u03c6\u03c9\u03c2.example", "xn--3xahj.example"),
        ("\u03c6\u03c9\u03c3.example", "xn--4xafj.example"),
    ],
)
def test_an_international_domain_is_the_one_that_dns_asks_for_in_either_spelling(text, folded):
    assert normal.domain(text) == names.to_ascii(text) == folded


@pytest.mark.parametrize(("text", "folded"), [("*.Contoso.com", "*.contoso.com"), ("A..b", "a..b"), ("", "")])
def test_what_is_no_domain_name_keeps_its_spelling_in_lower_case(text, folded):
    assert normal.domain(text) == folded


def test_an_address_is_folded_on_either_side_of_its_sign():
    assert normal.address("Ann@Fa\u00df.example") == "ann@xn--fa-hia.example"
    assert normal.address(" Ann ") == "ann"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("65.99.255.7/24", "65.99.255.0/24"),
        ("65.99.255.0/255.255.255.0", "65.99.255.0/24"),
        ("1.2.3.4", "1.2.3.4/32"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("1.2.3.4/77", "1.2.3.4/77"),
    ],
)
def test_networks_are_folded_and_the_rest_keeps_its_spelling(text, folded):
    assert normal.network(text) == folded


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_folding_a_network_twice_changes_nothing(address, prefix):
    once = normal.network(f"{address}/{prefix}")
    assert normal.network(once) == once


def test_a_network_is_covered_by_one_that_holds_all_of_it():
    assert normal.covers(frozenset({"65.0.0.0/8", "10.0.0.1-10.0.0.9"}), "65.99.255.0/24")
    assert normal.covers(frozenset({"65.99.255.0/24"}), "65.99.255.0/24")
    assert not normal.covers(frozenset({"65.99.255.9/32", "203.0.113.0/24"}), "65.99.255.0/24")


COLLECTION: TypeAdapter[frozenset[str]] = TypeAdapter(normal.Domains)


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_null_and_empty_are_one_collection(nothing):
    assert COLLECTION.validate_python(nothing) == frozenset()


def test_one_value_is_a_collection_of_one_and_order_does_not_count():
    assert COLLECTION.validate_python("b") == frozenset({"b"})
    assert COLLECTION.validate_python(["b", "a"]) == COLLECTION.validate_python(["a", "b"])


@pytest.mark.parametrize("odd", [1, {"Add": "x"}, [1], True])
def test_what_is_no_list_of_strings_is_refused(odd):
    with pytest.raises(ValidationError, match="list of strings"):
        COLLECTION.validate_python(odd)
