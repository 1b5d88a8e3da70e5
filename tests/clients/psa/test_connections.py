import pytest
from pydantic import ValidationError

from clients.psa.connections import ConnectWiseConnection, StandardConnection


@pytest.mark.parametrize(
    ("site", "hosts"),
    [
        ("https://na.myconnectwise.net", {"na.myconnectwise.net", "api-na.myconnectwise.net"}),
        ("https://api-na.myconnectwise.net", {"na.myconnectwise.net", "api-na.myconnectwise.net"}),
        ("https://northwind.example", {"northwind.example"}),
    ],
)
def test_keys_come_from_the_site_itself_and_its_twin_in_the_vendors_cloud(site, hosts):
    keys = dict.fromkeys(("company", "public_key", "private_key", "client_id", "product_instance"), "x")
    assert ConnectWiseConnection.model_validate({"site": site, **keys}).hosts == hosts


@pytest.mark.parametrize("site", ["http://na.myconnectwise.net", "na.myconnectwise.net", "https://"])
def test_keys_are_given_to_no_site_without_tls(site):
    keys = dict.fromkeys(("company", "public_key", "private_key", "client_id", "product_instance"), "x")
    with pytest.raises(ValidationError):
        ConnectWiseConnection.model_validate({"site": site, **keys})


@pytest.mark.parametrize(
    ("secret", "good"),
    [
        ("whsec_ZWRndWFyZC1kZW1vLWtleS0wMTIzNDU2", True),
        ("ZWRndWFyZC1kZW1vLWtleS0wMTIzNDU2", True),
        ("whsec_c2hvcnQ=", False),
        ("whsec_not base64", False),
        ("", False),
    ],
)
def test_a_standard_webhooks_secret_is_base64_of_24_to_64_bytes(secret, good):
    try:
        StandardConnection.model_validate({"secrets": [secret]})
    except ValidationError as error:
        assert not good and (not secret or secret not in str(error))  # noqa: PT017 - either way is an outcome
    else:
        assert good
