"""Where notices may go: services reached by TLS, by name, and no URL anywhere but in its setting."""

import pytest

from clients.notify.channels import Channel, Unsendable, channels_of, checked_url
from clients.settings import SettingsError, load
from tests.clients.test_settings import GOOD

TEAMS = "workflows://prod-11.westeurope.logic.azure.com/0123456789abcdef0123/sig-abcdefghijklmnopqrstu"


@pytest.mark.parametrize(
    "url",
    [
        TEAMS,
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
        "mailtos://user:secret@smtp.example?to=ops@example.com",
        "jsons://hooks.example/path",
        "json://127.0.0.1:8080/x",
        "JSON://LOCALHOST/x",
    ],
)
def test_a_service_that_is_reached_by_tls_or_is_on_this_machine_is_a_channel(url):
    assert checked_url(f" {url} ") == url


@pytest.mark.parametrize(
    "url",
    [
        "json://hooks.example/path",
        "mailto://user:secret@smtp.example",
        "syslog://local0",
        "dbus://",
        "windows://x",
        "exec://rm",
        "file:///etc/passwd",
        "https://hooks.example",
        "apprise://127.0.0.1/token",
        "jsons://hooks.example/?verify=no",
        "jsons://hooks.example/?verify",
        "jsons://[::1",
        "ops",
        "",
    ],
)
def test_any_other_url_is_none_and_is_not_repeated(url):
    with pytest.raises(Unsendable) as refused:
        checked_url(url)
    assert not url or url not in str(refused.value)


def test_channels_are_named_as_the_vaults_secrets_are():
    found = channels_of(
        ("notify-noc", "notify-noc"), {"HOLDFAST_NOTIFY_NOC": TEAMS, "HOLDFAST_NOTIFY_FABRIKAM_IT": TEAMS}
    )
    assert sorted(found.by_name) == ["notify-fabrikam-it", "notify-noc"]
    assert found.operators == ("notify-noc",)
    assert [each.name for each in found.of(("notify-fabrikam-it", "notify-gone"))] == ["notify-fabrikam-it"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"HOLDFAST_NOTIFY": TEAMS}, "HOLDFAST_NOTIFY: is malformed; it should be names of channels"),
        ({"HOLDFAST_NOTIFY": "notify-ops"}, "HOLDFAST_NOTIFY: 'notify-ops' has no URL; it should be in HOLDFAST_NOTIFY_OPS"),
        ({"HOLDFAST_NOTIFY_OPS": "json://hooks.example"}, "HOLDFAST_NOTIFY_OPS: should be of one of the schemes discord"),
        ({"HOLDFAST_NOTIFY_x": TEAMS, "HOLDFAST_NOTIFY__": TEAMS}, "HOLDFAST_NOTIFY__: its name should end in capitals"),
    ],
)  # fmt: skip
def test_a_channel_that_makes_no_sense_stops_the_start_with_one_line(changes, line):
    with pytest.raises(SettingsError) as refused:
        load(GOOD | changes)
    assert str(refused.value).startswith(line)
    assert "hooks.example" not in str(refused.value)
    assert TEAMS not in str(refused.value)


def test_no_line_and_no_answer_has_a_channels_url_or_its_tokens():
    settings = load(GOOD | {"HOLDFAST_NOTIFY": "notify-ops", "HOLDFAST_NOTIFY_OPS": TEAMS})
    assert {TEAMS, "0123456789abcdef0123", "sig-abcdefghijklmnopqrstu"} <= settings.secrets()
    assert "0123456789abcdef0123" not in f"{settings!r}{settings.shown()}{settings.channels()}"
    assert "correct horse" in set(Channel("notify-mail", "mailtos://user:correct horse@smtp.example").secrets())
