import pytest

from domain.addresses import public_address


@pytest.mark.parametrize("text", ["198.51.100.20", " 198.51.100.20 ", "::ffff:198.51.100.20"])
def test_an_address_is_one_however_it_is_written(text):
    assert str(public_address(text)) == "198.51.100.20"


@pytest.mark.parametrize("text", ["", "none", "10.1.2.3", "255.255.255.255", "fe80::1", "::ffff:127.0.0.1"])
def test_what_is_no_address_of_the_internet_is_nobodys(text):
    assert public_address(text) is None
