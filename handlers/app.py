"""What the functions do when they are woken: with good settings, and while a setting is missing or malformed.

A start that fails publishes no function, and no route answers (docs/reference/azure-functions.md#indexing). So a faulty
setting stops the start on a developer's machine only; on Azure the app says the fault wherever it is asked.
"""

import json
import logging
import os
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import azure.functions as func

from clients import settings as environment
from clients.account import load_account
from clients.connect import Clients
from clients.settings import Settings
from clients.storage import queues
from domain.jobs import QueueName
from handlers import park, workers
from handlers.delivery import deliver
from handlers.loop.heal import Healer
from handlers.loop.tick import tick

if TYPE_CHECKING:
    from handlers.api.app import Platform

log = logging.getLogger("holdfast.app")

PUT_BACK_S = 60
"""How long a message stays hidden that nobody can work on."""


class App(Protocol):
    """One method for each kind of trigger."""

    async def on_timer(self) -> None: ...

    async def on_message(self, queue: QueueName, body: bytes) -> None:
        """Work on a message of *queue*."""

    async def on_given_up(self, queue: QueueName, body: bytes) -> None:
        """Keep a message of *queue* that the platform gave up."""

    async def on_request(self, request: func.HttpRequest, context: func.Context) -> func.HttpResponse: ...


def open_app() -> App:
    """The app as the environment has it.

    Raises:
        SettingsError: A setting is missing or malformed, on a developer's machine (AZURE_FUNCTIONS_ENVIRONMENT, which
            Core Tools set to Development and Azure does not).
    """
    try:
        return WorkingApp(environment.load())
    except environment.SettingsError as fault:
        if os.environ.get("AZURE_FUNCTIONS_ENVIRONMENT") == "Development":
            raise
        return FaultyApp(str(fault))


class WorkingApp:
    """Its settings are good."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._healer = Healer()

    async def on_timer(self) -> None:
        await tick(await self._clients(), by_timer=True)

    async def on_message(self, queue: QueueName, body: bytes) -> None:
        clients = await self._healed()
        try:
            await deliver(queue, body, clients)
        finally:
            await clients.flush.if_due()

    async def on_given_up(self, queue: QueueName, body: bytes) -> None:
        clients = await self._healed()
        try:
            await park.given_up(queue, body, clients)
        finally:
            await clients.flush.now()

    async def on_request(self, request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        answer = await self._api.answer(request, context)
        for clients in workers.opened():
            await self._healer.look(clients)
        return answer

    async def _clients(self) -> Clients:
        return await workers.clients(self._settings)

    async def _healed(self) -> Clients:
        clients = await self._clients()
        await self._healer.look(clients)
        return clients

    @cached_property
    def _api(self) -> "Platform":
        """The API, imported when an instance answers its first request: one that serves a queue never does."""
        from handlers.api.app import Platform  # noqa: PLC0415

        return Platform(self._settings, self._clients)


class FaultyApp:
    """A setting is missing or malformed; *fault* is the line that says so. Nothing is done and nothing is lost."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._say()

    async def on_timer(self) -> None:
        self._say()

    def _say(self) -> None:
        """Tell the log, as alert rules read it: there is no ledger and no ticket system to be told."""
        log.error("incident kind=settings id=settings %s", self._fault)

    async def on_message(self, queue: QueueName, body: bytes) -> None:
        """Put the message back, so that none of its attempts is burnt."""
        await queues.put_back(load_account(), queue, body, PUT_BACK_S)

    async def on_given_up(self, queue: QueueName, body: bytes) -> None:
        await queues.put_back(load_account(), f"{queue}-poison", body, PUT_BACK_S)

    async def on_request(self, _: func.HttpRequest, __: func.Context) -> func.HttpResponse:
        problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": self._fault}
        headers = {"Retry-After": str(PUT_BACK_S)}
        return func.HttpResponse(json.dumps(problem), status_code=503, headers=headers, mimetype=_PROBLEM)


_PROBLEM = "application/problem+json"
