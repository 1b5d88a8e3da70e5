"""The systems side by side, and which of them a request is for."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from simulator.psa.autotask import Autotask
from simulator.psa.connectwise import ConnectWise
from simulator.psa.desk import System
from simulator.psa.halopsa import HaloPsa
from simulator.wire.http import Answer, Request


class Systems:
    """One MSP of each kind: real host names, or below `/connectwise`, `/autotask` and `/halopsa`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.connectwise = ConnectWise(clock)
        self.autotask = Autotask(clock)
        self.halopsa = HaloPsa(clock)
        every: tuple[System, ...] = (self.connectwise, self.autotask, self.halopsa)
        self.by_name = {each.name: each for each in every}

    def connections(self, base: str) -> dict[str, str]:
        """The settings that connect a service to the systems served below *base*, by their names.

        In each, a ticket of type 91 in container 37 asks with subtype 13 for a check and with 14 for a reprovision.
        """
        for system in self.by_name.values():
            system.base = f"{base}/{system.name}"
        return {
            f"HOLDFAST_PSA_{name.upper()}": json.dumps(system.connection(system.base) | {"desk": _desk(system)})
            for name, system in self.by_name.items()
        }

    def answer(self, request: Request) -> Answer | None:
        """The answer of the system that *request* is for; None when it is for none of them."""
        host = request.base.partition("://")[2]
        if system := next((each for each in self.by_name.values() if host.endswith(f".{each.cloud}")), None):
            return system.answer(request)
        segment, _, path = request.path.lstrip("/").partition("/")
        if system := self.by_name.get(segment):
            return system.answer(replace(request, base=f"{request.base}/{segment}", path=f"/{path}"))
        return None


def _desk(system: System) -> dict[str, object]:
    place, status = {"container": 37, "type": 91}, system.status_ids
    return {
        "own_user": system.own,
        "triggers": [
            {"action": "check", **place, "subtype": 13, "statuses": [status["new"]]},
            {"action": "reprovision", **place, "subtype": 14, "statuses": [status["new"]]},
        ],
        "placement": {"container": 37, "status": status["open"]},
        "outcomes": {"running": status["running"], "ok": status["closed"], "failed": status["failed"]},
        "closing": {"status": status["closed"], "reopen_days": 1, "reopen_status": status["open"]},
        "approval": {"statuses": [status["approved"]], "words": ["approved"]},
    }
