import json
import subprocess
import sys
from typing import get_args

import pytest

from clients.settings import SettingsError, load
from domain.psa.desk import Provider
from tests.clients.entra.test_credentials import CERTIFICATE, KEY

GOOD = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "HOLDFAST_CLIENT_ID": "2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77",
    "HOLDFAST_CLIENT_SECRET": "s3cret",
    "HOLDFAST_FAST_SCHEDULE": "0 */5 * * * *",
    "HOLDFAST_SLOW_SCHEDULE": "0 */15 * * * *",
    "HOLDFAST_ALERTS_SCHEDULE": "30 */5 * * * *",
    "HOLDFAST_AUDIT_SCHEDULE": "45 */5 * * * *",
}


def test_what_is_not_set_has_the_documented_default():
    settings = load(GOOD)
    assert (settings.cloud, settings.most_tenants_per_hour, settings.dns_servers) == ("global", 50, ())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"HOLDFAST_CLIENT_ID": ""}, "HOLDFAST_CLIENT_ID: is missing; it should be the GUID of the multi-tenant app registration"),
        ({"HOLDFAST_CLIENT_ID": "me"}, "HOLDFAST_CLIENT_ID: is malformed; it should be the GUID of"),
        ({"HOLDFAST_FAST_SCHEDULE": "*/5 * * * *"}, "HOLDFAST_FAST_SCHEDULE: is malformed; it should be an NCRONTAB of six fields"),
        ({"HOLDFAST_SLOW_SCHEDULE": ""}, "HOLDFAST_SLOW_SCHEDULE: is missing"),
        ({"HOLDFAST_ALERTS_SCHEDULE": "*/10 * * * * *"}, "HOLDFAST_ALERTS_SCHEDULE: is faster than HOLDFAST_TICK_SCHEDULE; it should be due at most as often"),
        ({"HOLDFAST_TICK_SCHEDULE": "0 */10 * * * *"}, "HOLDFAST_FAST_SCHEDULE: is faster than HOLDFAST_TICK_SCHEDULE"),
        ({"HOLDFAST_TICK_SCHEDULE": "0 0 0 31 2 *"}, "HOLDFAST_FAST_SCHEDULE: is faster than HOLDFAST_TICK_SCHEDULE"),
        ({"HOLDFAST_SHARD_SIZE": "41"}, "HOLDFAST_SHARD_SIZE: is malformed; it should be tenants of a shard, 1 to 40"),
        ({"HOLDFAST_CLOUD": "mars"}, "HOLDFAST_CLOUD: is malformed; it should be one of global"),
        ({"HOLDFAST_EXCHANGE_URL": "http://exchange.example"}, "HOLDFAST_EXCHANGE_URL: is malformed; it should be an https URL"),
        ({"HOLDFAST_DNS_SERVERS": "127.0.0.1"}, "HOLDFAST_DNS_SERVERS: is malformed; it should be host:port"),
        ({"HOLDFAST_MAX_TENANTS_PER_HOUR": "none"}, "HOLDFAST_MAX_TENANTS_PER_HOUR: is malformed; it should be a whole number"),
        ({"HOLDFAST_MAX_TENANTS_PER_HOUR": "0"}, "HOLDFAST_MAX_TENANTS_PER_HOUR: is malformed"),
        ({"HOLDFAST_CLIENT_SECRET": ""}, "HOLDFAST_CLIENT_CERTIFICATE, HOLDFAST_CLIENT_SECRET, HOLDFAST_MANAGED_IDENTITY_CLIENT_ID, HOLDFAST_CLIENT_KEY: exactly one"),
        ({"HOLDFAST_MANAGED_IDENTITY_CLIENT_ID": "me"}, "HOLDFAST_CLIENT_CERTIFICATE, HOLDFAST_CLIENT_SECRET"),
        ({"HOLDFAST_CLIENT_CERTIFICATE": "pem", "HOLDFAST_CLIENT_SECRET": ""}, "HOLDFAST_CLIENT_CERTIFICATE: is malformed; it should be a PEM with a certificate"),
        *(({"HOLDFAST_CLIENT_KEY": odd, "HOLDFAST_CLIENT_SECRET": ""}, "HOLDFAST_CLIENT_KEY: is malformed; it should be the https URL of a key in the vault") for odd in (
            "https://holdfast.vault.example/secrets/signing", "http://holdfast.vault.example/keys/signing", "https://holdfast.vault.example/keys/signing/1", "https://holdfast.vault.example/keys/" + "x" * 128,
        )),
        ({"AzureWebJobsStorage": ""}, "AzureWebJobsStorage: is missing"),
        *(({"AzureWebJobsStorage": odd}, "AzureWebJobsStorage: is malformed; it should be a storage connection string") for odd in (
            "odd", "AccountName=a", "AccountKey=a2V5", "AccountName=a;AccountKey=%%", "AccountName=a;AccountKey=", "UseDevelopmentStorage=false", ";",
        )),
        *(({"HOLDFAST_FAST_SCHEDULE": odd}, "HOLDFAST_FAST_SCHEDULE: is malformed; it should be an NCRONTAB") for odd in (
            "every five minutes at most please", "0 */5 * * * ?", "0 */5 * * * L", "0 */5 jan * * *", "0 */5 * * mon jan", "0 */5 * * * * *", "99 99 99 99 99 99", "- - - - - -",
        )),
        *(({"HOLDFAST_BRAND": odd}, 'HOLDFAST_BRAND: is malformed; it should be a name, or a JSON object {"name", "logo"}') for odd in (
            '{"name', '{"nom": "Northwind"}', '{"name": 3}', '{"name": "Northwind", "logo": "https://northwind.example/logo.png"}', '{"logo": "data:text/html;base64,PGI+"}',
        )),
        *(({"HOLDFAST_LOGIN_URL": odd}, "HOLDFAST_LOGIN_URL: is malformed; it should be an https URL") for odd in (
            "https://", "https:///path", "https://:443", "https://a:65536", "https://a:odd", "https://[::1", "login.example",
        )),
        *(({"HOLDFAST_DNS_SERVERS": odd}, "HOLDFAST_DNS_SERVERS: is malformed; it should be host:port") for odd in (
            "127.0.0.1:65536", "127.0.0.1:0", "127.0.0.1:-1", "127.0.0.1:", ":53", "127.0.0.1:53,odd", "no-such-host.invalid:53", f"{'a' * 64}.example:53",
        )),
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


@pytest.mark.parametrize(
    "connection",
    [
        "AccountName=a;AccountKey=a2V5",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5a2V5YQ==;EndpointSuffix=core.windows.net;",
        "BlobEndpoint=https://a.blob.core.windows.net/;AccountName=a;SharedAccessSignature=sv=1&sig=x%3D",
    ],
)
def test_a_storage_connection_string_is_taken_and_never_shown(connection):
    settings = load(GOOD | {"AzureWebJobsStorage": connection})

    assert settings.storage == connection
    assert "a2V5" not in repr(settings)
    assert "sig" not in repr(settings)


@pytest.mark.parametrize(
    "schedule",
    ["0 */5 * * * *", " 0 1-5 */2 1 Jan-March mon-FRI ", "0 0 0 * 1,july Sunday", "0 0 0 * 6 0", "0 0 0 31 2 *"],
)
def test_a_schedule_may_name_months_and_days(schedule):
    assert load(GOOD | {"HOLDFAST_SLOW_SCHEDULE": schedule}).slow_schedule == schedule


URLS = {
    f"AzureWebJobsStorage__{service}ServiceUri": f"https://hold.{service}.core.usgovcloudapi.net/"
    for service in ("blob", "queue", "table")
}


@pytest.mark.parametrize("service", ["blob", "queue", "table"])
def test_storage_of_another_cloud_is_reached_by_the_urls_that_the_platform_is_given(service):
    settings = load(GOOD | {"AzureWebJobsStorage": ""} | URLS)

    assert settings.storage_url(service) == f"https://hold.{service}.core.usgovcloudapi.net"


def test_an_account_that_is_named_counts_before_urls_as_it_does_for_the_platform():
    settings = load(GOOD | {"AzureWebJobsStorage": "", "AzureWebJobsStorage__accountName": "hold"} | URLS)

    assert settings.storage_url("queue") == "https://hold.queue.core.windows.net"


@pytest.mark.parametrize("missing", URLS)
def test_two_of_the_three_storage_urls_are_not_enough(missing):
    with pytest.raises(SettingsError, match="AzureWebJobsStorage: is missing"):
        load(GOOD | {"AzureWebJobsStorage": ""} | {name: url for name, url in URLS.items() if name != missing})


def test_a_certificate_with_its_key_is_taken():
    pem = KEY + CERTIFICATE
    settings = load(GOOD | {"HOLDFAST_CLIENT_SECRET": "", "HOLDFAST_CLIENT_CERTIFICATE": pem})

    assert settings.client_certificate == pem
    assert "BEGIN" not in repr(settings)


@pytest.mark.parametrize("half", [KEY, CERTIFICATE], ids=["key", "certificate"])
def test_half_a_certificate_is_refused_without_showing_it(half):
    with pytest.raises(SettingsError) as caught:
        load(GOOD | {"HOLDFAST_CLIENT_SECRET": "", "HOLDFAST_CLIENT_CERTIFICATE": half})
    assert str(caught.value) == (
        "HOLDFAST_CLIENT_CERTIFICATE: is malformed; it should be a PEM with a certificate and its unencrypted RSA private key"
    )


def test_cryptography_is_imported_only_for_a_certificate():
    code = f"import sys; from clients.settings import load; load({GOOD}); sys.exit('cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_resolver_may_be_named_and_is_asked_at_every_address_of_its_name():
    servers = load(GOOD | {"HOLDFAST_DNS_SERVERS": "localhost:5353, 127.0.0.1:5353, [::1]:53"}).dns_servers

    assert ("127.0.0.1", 5353) in servers
    assert servers[-1] == ("::1", 53)
    assert len(set(servers)) == len(servers)
    assert not any(host == "localhost" for host, _ in servers)


@pytest.mark.parametrize("system", [name.upper() for name in get_args(Provider)])
@pytest.mark.parametrize("empty", ["null", "{}", "[]", '""', " "])
def test_a_ticket_system_whose_setting_is_empty_stops_the_start(system, empty):
    with pytest.raises(SettingsError) as caught:
        load(GOOD | {f"HOLDFAST_PSA_{system}": empty})
    assert str(caught.value) == (
        f"HOLDFAST_PSA_{system}: is malformed; it should be a JSON object as docs/psa.md has it"
    )


def test_the_settings_given_are_the_only_ones(monkeypatch):
    monkeypatch.setenv("HOLDFAST_CLOUD", "china")
    assert load(GOOD).cloud == "global"
    with pytest.raises(SettingsError):
        load({})


def test_without_any_given_the_environment_is_read(monkeypatch):
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOLDFAST_CLOUD", "china")
    monkeypatch.setenv("HOLDFAST_DNS_SERVERS", "127.0.0.1:53")
    settings = load()
    assert (settings.cloud, settings.dns_servers) == ("china", (("127.0.0.1", 53),))


def test_servers_and_urls_are_taken_as_given():
    settings = load(
        GOOD
        | {"HOLDFAST_DNS_SERVERS": "127.0.0.1:53, 127.0.0.2:5353", "HOLDFAST_LOGIN_URL": "http://127.0.0.1:9/login/"}
    )
    assert settings.dns_servers == (("127.0.0.1", 53), ("127.0.0.2", 5353))
    assert settings.login_url == "http://127.0.0.1:9/login"


def test_marks_on_tickets_have_a_key_of_their_own_or_of_the_ticket_systems_credentials() -> None:
    def key(secret: str, **more: str) -> bytes:
        halopsa = {
            "url": "https://h.example",
            "client_id": "c",
            "client_secret": secret,
            "webhook_secrets": ["user:webhook-password"],
            "desk": {"own_user": "12"},
        }
        return load(GOOD | {"HOLDFAST_PSA_HALOPSA": json.dumps(halopsa)} | more).mark_key()

    assert key("one") == key("one") != key("two")
    assert key("one", HOLDFAST_MARK_SECRET="m" * 32) == key("two", HOLDFAST_MARK_SECRET="m" * 32) == b"m" * 32


def test_every_secret_of_the_settings_is_known_to_be_hidden_and_no_name_or_id_is() -> None:
    halopsa = {
        "url": "https://h.example", "client_id": "halo-client", "client_secret": "halo-s3cret",
        "webhook_secrets": ["user:webhook-password"], "desk": {"own_user": "12", "approval": {"words": ["approved"]}},
    }  # fmt: skip
    storage = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=c3RvcmFnZS1rZXk=;EndpointSuffix=x"
    given = {
        "AzureWebJobsStorage": storage, "HOLDFAST_CLIENT_SECRET": "entra-s3cret", "HOLDFAST_DEV_KEY": "dev-s3cret",
        "HOLDFAST_DNS_SECRET_CF": "dns-s3cret", "HOLDFAST_PSA_HALOPSA": json.dumps(halopsa),
    }  # fmt: skip
    hidden = load(GOOD | given | {"HOLDFAST_MARK_SECRET": "m" * 32}).secrets()

    secrets = {"c3RvcmFnZS1rZXk=", "entra-s3cret", "dev-s3cret", "dns-s3cret", "halo-s3cret", "webhook-password"}
    assert secrets <= hidden
    assert not hidden & {"12", "approved", "https://h.example", "acc"}


def test_the_tenants_of_each_dns_secret_are_read_in_one_spelling():
    guid = "7B1F6A3E-52C4-4D0E-9C1A-2F8E61D0A9B4"
    given = {"HOLDFAST_DNS_TENANTS": f'{{"HOLDFAST_DNS_SECRET_X": ["{guid}"]}}'}
    assert load(GOOD | given).dns_tenants == {"HOLDFAST_DNS_SECRET_X": frozenset({guid.lower()})}
    assert load(GOOD).dns_tenants is None


@pytest.mark.parametrize("odd", ["[]", "x", '{"HOLDFAST_DNS_SECRET_X": ["contoso"]}', '{"HOLDFAST_DNS_SECRET_X": 1}'])
def test_tenants_of_dns_secrets_that_make_no_sense_are_one_line(odd):
    with pytest.raises(SettingsError, match=r"^HOLDFAST_DNS_TENANTS: is malformed; it should be a JSON object"):
        load(GOOD | {"HOLDFAST_DNS_TENANTS": odd})


DEV = "DefaultEndpointsProtocol=http;AccountName=dev;AccountKey=a2V5;TableEndpoint="


@pytest.mark.parametrize(
    "storage",
    ["UseDevelopmentStorage=true", f"{DEV}http://127.0.0.1:10002/dev;", f"{DEV}http://localhost:10002/dev", f"{DEV}http://[::1]:1/dev"],
)  # fmt: skip
def test_without_a_list_every_dns_secret_is_for_all_where_storage_is_on_this_machine(storage):
    given = GOOD | {"AzureWebJobsStorage": storage}
    assert load(given).tenants_by_dns_secret() is None
    assert load(given | {"HOLDFAST_DNS_TENANTS": "{}"}).tenants_by_dns_secret() == {}


@pytest.mark.parametrize(
    "storage",
    [
        {"AzureWebJobsStorage": "AccountName=real;AccountKey=a2V5;EndpointSuffix=core.windows.net"},
        {"AzureWebJobsStorage": f"{DEV}https://127.0.0.1.attacker.example/dev"},
        {"AzureWebJobsStorage": f"{DEV}https://real.table.core.windows.net"},
        {"AzureWebJobsStorage": "", "AzureWebJobsStorage__accountName": "real"},
    ],
)
def test_elsewhere_a_dns_secret_that_no_list_names_is_for_no_tenant(storage):
    assert load(GOOD | storage).tenants_by_dns_secret() == {}
