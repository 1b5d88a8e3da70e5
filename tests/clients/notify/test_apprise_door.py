"""Notices as the service behind a channel gets them: by Apprise itself, over a socket."""

import json
import os
import sys
from dataclasses import replace
from io import BytesIO
from subprocess import run

import apprise
import pytest
import requests

from clients.errors import Unreachable
from clients.notify import apprise_door
from clients.notify.channels import SCHEMES, Channel
from domain.notices import Notice
from tests.receiver import receiver

NOTICE = Notice(
    "radius-1a2b", 1204, "begun", "[radius-1a2b #1204] steps are held", "This has begun; a person is to act."
)


async def test_a_webhook_gets_the_notice_with_the_incidents_id_number_and_stage():
    with receiver() as service:
        await apprise_door.send_notice(Channel("notify-hook", f"json://127.0.0.1:{service.port}/x"), NOTICE)
    [body] = service.bodies
    assert (body["title"], body["message"]) == (NOTICE.title, NOTICE.body)
    assert (body["incident"], body["number"], body["stage"]) == ("radius-1a2b", "1204", "begun")


async def test_what_a_service_does_not_take_is_told_by_the_channels_name_alone():
    with receiver() as service:
        service.status = 403
        with pytest.raises(Unreachable) as refused:
            await apprise_door.send_notice(
                Channel("notify-hook", f"json://127.0.0.1:{service.port}/secret-path"), NOTICE
            )
    assert str(refused.value) == "notify-hook did not take the notice"


async def test_a_url_that_apprise_cannot_read_is_a_channel_that_takes_nothing():
    with pytest.raises(Unreachable, match="notify-odd did not take"):
        await apprise_door.send_notice(Channel("notify-odd", "slack://too-short"), NOTICE)


async def test_a_service_that_does_not_answer_is_given_up_after_the_deadline():
    with receiver() as service:
        service.open.clear()
        with pytest.raises(Unreachable, match="did not answer within"):
            await apprise_door.send_notice(
                Channel("notify-slow", f"json://127.0.0.1:{service.port}/"), NOTICE, deadline_s=0.05
            )


@pytest.mark.parametrize(
    ("url", "thread"),
    [
        ("gchat://workspace/key/token", "threadkey=radius-1a2b-1204"),
        ("pagerduty://key@apikey", "dedup=radius-1a2b-1204&action=trigger"),
        ("opsgenie://apikey", "alias=radius-1a2b-1204"),
        ("mailtos://u:p@smtp.example?to=a@b.example", "+References=%3Cradius-1a2b-1204%40holdfast.invalid%3E"),
    ],
)
def test_what_knows_threads_holds_an_incident_together(url, thread):
    given = apprise_door.threaded(Channel("notify-x", url), NOTICE)
    assert thread in given
    assert given.startswith(url)
    assert given.count("?") == 1


@pytest.mark.parametrize(
    ("stage", "url", "most"),
    [
        ("begun", "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@tttttttttttttttttttttttttttttt", 1024),
        ("begun", "discord://4174216298/jHMHKmL-KKhTTKDSNFVEZP6A", 2000),
        ("report", "discord://4174216298/jHMHKmL-KKhTTKDSNFVEZP6A", 2000),
    ],
)
async def test_no_service_gets_more_than_it_takes_and_a_report_comes_whole(monkeypatch, stage, url, most):
    sent = []

    def taken(*_: object, data: str | dict[str, str], **__: object) -> requests.Response:
        sent.append(json.loads(data)["content"] if isinstance(data, str) else data["message"])
        answer = requests.Response()
        answer.status_code = 200
        answer.raw = BytesIO(b'{"status": 1}')
        return answer

    monkeypatch.setattr(requests, "post", taken)
    words = [f"word{number:04d}" for number in range(400)]
    long = replace(NOTICE, stage=stage, body=" ".join(words))
    await apprise_door.send_notice(Channel("notify-x", url), long)
    assert all(len(part) <= most for part in sent)
    assert words[0] in sent[0]
    if stage == "report":
        assert words[-1] in sent[-1]
    else:
        assert len(sent) == 1


def test_a_mail_refers_to_its_incident():
    url = apprise_door.threaded(Channel("notify-mail", "mailtos://u:p@smtp.example?to=a@b.example"), NOTICE)
    mail = vars(apprise.Apprise.instantiate(url))
    assert mail["headers"] == {"References": "<radius-1a2b-1204@holdfast.invalid>"}


def test_apprise_knows_every_scheme_of_the_allow_list():
    known = {scheme for each in apprise.Apprise().details()["schemas"] for scheme in each["secure_protocols"] or ()}
    assert known >= SCHEMES


def test_nothing_but_a_notice_imports_apprise():
    code = "import sys, function_app; sys.exit('apprise' in sys.modules)"
    environ = os.environ | {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "HOLDFAST_CLIENT_ID": "2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77",
        "HOLDFAST_CLIENT_SECRET": "s3cret",
        "HOLDFAST_FAST_SCHEDULE": "0 */5 * * * *",
        "HOLDFAST_SLOW_SCHEDULE": "0 */15 * * * *",
        "HOLDFAST_ALERTS_SCHEDULE": "30 */5 * * * *",
        "HOLDFAST_AUDIT_SCHEDULE": "45 */5 * * * *",
        "HOLDFAST_NOTIFY_OPS": "jsons://hooks.example/x",
    }
    assert run([sys.executable, "-c", code], check=False, env=environ).returncode == 0
