"""The three systems side by side, and which of them a request is for."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from simulator.psa.autotask import Autotask
from simulator.psa.connectwise import ConnectWise
from simulator.psa.desk import System
from simulator.psa.halopsa import HaloPsa
from simulator.wire.http import Answer, Request

_HOSTS = {"myconnectwise.net": "connectwise", "autotask.net": "autotask", "halopsa.com": "halopsa"}


class Systems:
    """One MSP of each kind: real host names, or below `/connectwise`, `/autotask` and `/halopsa`."""

    by_name: dict[str, System]

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.connectwise = ConnectWise(clock)
        self.autotask = Autotask(clock)
        self.halopsa = HaloPsa(clock)
        self.by_name = {each.name: each for each in (self.connectwise, self.autotask, self.halopsa)}

    def connections(self, base: str) -> dict[str, str]:
        """The settings that connect a service to the three systems served below *base*, by their names.

        In each, a ticket of type 91 in container 37 asks with subtype 13 for a check and with 14 for a reprovision.
        """
        for system in self.by_name.values():
            system.base = f"{base}/{system.name}"
        one, two, three = self.connectwise, self.autotask, self.halopsa
        settings: dict[str, dict[str, object]] = {
            "CONNECTWISE": {
                "site": one.base,
                "company": one.company,
                "public_key": one.public_key,
                "private_key": one.private_key,
                "client_id": one.client_id,
                "product_instance": one.product_instance,
                "desk": _desk(one.own, new=512, approved=513, opened=514, running=515, failed=521, closed=530),
            },
            "AUTOTASK": {
                "user": two.user,
                "secret": two.api_secret,
                "integration_code": two.integration_code,
                "webhook_secrets": [two.secret],
                "zone_url": two.base,
                "desk": _desk(two.own, new=1, approved=21, opened=8, running=9, failed=11, closed=5),
            },
            "HALOPSA": {
                "url": three.base,
                "client_id": three.client_id,
                "client_secret": three.client_secret,
                "webhook_secrets": [three.login],
                "desk": _desk(three.own, new=1, approved=21, opened=2, running=3, failed=4, closed=9),
            },
        }
        return {f"HOLDFAST_PSA_{name}": json.dumps(each) for name, each in settings.items()}

    def answer(self, request: Request) -> Answer | None:
        """The answer of the system that *request* is for; None when it is for none of them."""
        host = request.base.partition("://")[2]
        if name := _HOSTS.get(".".join(host.split(".")[-2:])):
            return self.by_name[name].answer(request)
        segment, _, path = request.path.lstrip("/").partition("/")
        if system := self.by_name.get(segment):
            return system.answer(replace(request, base=f"{request.base}/{segment}", path=f"/{path}"))
        return None


def _desk(own: str, **status: int) -> dict[str, object]:
    place = {"container": 37, "type": 91}
    return {
        "own_user": own,
        "triggers": [
            {"action": "check", **place, "subtype": 13, "statuses": [status["new"]]},
            {"action": "reprovision", **place, "subtype": 14, "statuses": [status["new"]]},
        ],
        "placement": {"container": 37, "status": status["opened"]},
        "outcomes": {"running": status["running"], "ok": status["closed"], "failed": status["failed"]},
        "closing": {"status": status["closed"], "reopen_days": 1, "reopen_status": status["opened"]},
        "approval": {"statuses": [status["approved"]], "words": ["approved"]},
    }
