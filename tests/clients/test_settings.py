import pytest

from clients.settings import SettingsError, load

GOOD = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "HOLDFAST_CLIENT_ID": "2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77",
    "HOLDFAST_CLIENT_SECRET": "s3cret",
    "HOLDFAST_FAST_SCHEDULE": "0 */5 * * * *",
    "HOLDFAST_SLOW_SCHEDULE": "0 */15 * * * *",
}


def test_what_is_not_set_has_the_documented_default():
    settings = load(GOOD)
    assert (settings.cloud, settings.most_tenants_per_hour, settings.resolvers()) == ("global", 50, ())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"HOLDFAST_CLIENT_ID": ""}, "HOLDFAST_CLIENT_ID: is missing; it should be the GUID of the multi-tenant app registration"),
        ({"HOLDFAST_CLIENT_ID": "me"}, "HOLDFAST_CLIENT_ID: is malformed; it should be the GUID of"),
        ({"HOLDFAST_FAST_SCHEDULE": "*/5 * * * *"}, "HOLDFAST_FAST_SCHEDULE: is malformed; it should be an NCRONTAB of six fields"),
        ({"HOLDFAST_SLOW_SCHEDULE": ""}, "HOLDFAST_SLOW_SCHEDULE: is missing"),
        ({"HOLDFAST_CLOUD": "mars"}, "HOLDFAST_CLOUD: is malformed; it should be one of global"),
        ({"HOLDFAST_EXCHANGE_URL": "http://exchange.example"}, "HOLDFAST_EXCHANGE_URL: is malformed; it should be an https URL"),
        ({"HOLDFAST_DNS_SERVERS": "127.0.0.1"}, "HOLDFAST_DNS_SERVERS: is malformed; it should be host:port"),
        ({"HOLDFAST_MAX_TENANTS_PER_HOUR": "none"}, "HOLDFAST_MAX_TENANTS_PER_HOUR: is malformed; it should be a whole number"),
        ({"HOLDFAST_MAX_TENANTS_PER_HOUR": "0"}, "HOLDFAST_MAX_TENANTS_PER_HOUR: is malformed"),
        ({"HOLDFAST_CLIENT_SECRET": ""}, "HOLDFAST_CLIENT_CERTIFICATE, HOLDFAST_CLIENT_SECRET, HOLDFAST_MANAGED_IDENTITY_CLIENT_ID: exactly one"),
        ({"HOLDFAST_CLIENT_CERTIFICATE": "pem"}, "HOLDFAST_CLIENT_CERTIFICATE, HOLDFAST_CLIENT_SECRET"),
        ({"AzureWebJobsStorage": ""}, "AzureWebJobsStorage: is missing"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_in_one_line_with_what_it_should_be(changes, line):
    with pytest.raises(SettingsError) as caught:
        load(GOOD | changes)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_secret_is_never_repeated():
    with pytest.raises(SettingsError) as caught:
        load(GOOD | {"HOLDFAST_CLIENT_CERTIFICATE": "-----BEGIN PRIVATE"})
    assert "s3cret" not in str(caught.value)
    assert "BEGIN" not in str(caught.value)
    assert "s3cret" not in repr(load(GOOD))


def test_servers_and_urls_are_taken_as_given():
    settings = load(
        GOOD
        | {"HOLDFAST_DNS_SERVERS": "127.0.0.1:53, 127.0.0.2:5353", "HOLDFAST_LOGIN_URL": "http://127.0.0.1:9/login/"}
    )
    assert settings.resolvers() == (("127.0.0.1", 53), ("127.0.0.2", 5353))
    assert settings.login_url == "http://127.0.0.1:9/login"
