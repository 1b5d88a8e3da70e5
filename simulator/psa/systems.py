"""The three systems side by side, and which of them a request is for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.psa.autotask import Autotask
from simulator.psa.connectwise import ConnectWise
from simulator.psa.halopsa import HaloPsa

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from simulator.psa.desk import System
    from simulator.wire.http import Answer, Request

_HOSTS = {"myconnectwise.net": "connectwise", "autotask.net": "autotask", "halopsa.com": "halopsa"}


class Systems:
    """One MSP of each kind: real host names, or below `/connectwise`, `/autotask` and `/halopsa`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.connectwise = ConnectWise(clock)
        self.autotask = Autotask(clock)
        self.halopsa = HaloPsa(clock)
        self.by_name: dict[str, System] = {each.name: each for each in (self.connectwise, self.autotask, self.halopsa)}

    def answer(self, request: Request) -> Answer | None:
        """The answer of the system that *request* is for; None when it is for none of them."""
        host = request.base.partition("://")[2]
        if name := _HOSTS.get(".".join(host.split(".")[-2:])):
            return self.by_name[name].answer(request)
        segment, _, path = request.path.lstrip("/").partition("/")
        if system := self.by_name.get(segment):
            return system.answer(replace(request, base=f"{request.base}/{segment}", path=f"/{path}"))
        return None
