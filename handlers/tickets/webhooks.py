"""What a PSA system tells us: verify the bytes, put one message on a queue, answer. The rest is the queue's.

The body is a hint that names a ticket; the worker that takes the message reads the ticket. A delivery about a ticket
whose message still waits sends none: that message will read its change too.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from clients.connect import Clients
from clients.errors import Throttled, Unreachable
from domain.jobs import ReadTicket, TicketRequest
from domain.psa import delivery
from domain.psa.delivery import BadBody, Hint
from domain.psa.desk import Provider, TicketSystem
from handlers.groups import in_groups

log = logging.getLogger("holdfast.webhooks")

_LARGEST_BYTES = 262_144
GATHER_S = 2
"""A message waits this long for what else is said about its ticket: every save of a form is an event of its own."""
MOST_TICKETS = 200
"""Of one batch: what the queue takes within the seconds that a sender waits."""
_AT_ONCE = 16
"""Messages of one batch that are put on the queue side by side."""
REPEATS_KNOWN = timedelta(minutes=10)
"""For so long a worker knows a Standard Webhooks id again; after that the operation that it made is known by it."""

type Received = Literal["queued", "malformed", "unsigned", "unknown", "too large", "later"]


class _TooMany(Exception):  # noqa: N818 - the outcome
    """A batch names more tickets than one request has the time for; none of them is put on the queue."""


_PROVIDER: TypeAdapter[Provider] = TypeAdapter(Provider)


async def receive(provider: str, body: bytes, headers: Mapping[str, str], clients: Clients) -> Received:
    """What came of one delivery: queued when the hint is on the queue, or there is nothing to do about it.

    Raises:
        AzureError: The queue cannot take it.
    """
    name = _provider(provider)
    if name is None or name not in clients.psa.senders:
        return "unknown"
    if len(body) > _LARGEST_BYTES:
        return "too large"
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        if not await clients.psa.senders[name].admits(body, lowered):
            log.warning("webhook provider=%s refused bytes=%d", provider, len(body))
            return "unsigned"
    except (Unreachable, Throttled) as error:
        log.warning("webhook provider=%s unverified error=%s", provider, error)
        return "later"
    return await _taken_in(name, body, lowered, clients)


async def _taken_in(name: Provider, body: bytes, headers: Mapping[str, str], clients: Clients) -> Received:
    try:
        if name == "standard":
            await _ask(body, headers, clients)
        else:
            await _hint(name, body, clients)
    except BadBody as bad:
        log.warning("webhook provider=%s malformed reason=%s", name, bad)
        return "malformed"
    except _TooMany:
        log.warning("webhook provider=%s too_many bytes=%d", name, len(body))
        return "too large"
    return "queued"


def _provider(name: str) -> Provider | None:
    try:
        return _PROVIDER.validate_python(name)
    except ValidationError:
        return None


async def _hint(provider: TicketSystem, body: bytes, clients: Clients) -> None:
    """One message for each ticket that no waiting message names, and that somebody else than we has changed."""
    own, now = clients.psa.by_provider[provider].desk.own_user, clients.now()
    found = delivery.hints(provider, body)
    if bad := [each for each in found if isinstance(each, BadBody)]:
        log.warning("webhook provider=%s skipped=%d reason=%s", provider, len(bad), bad[0])
    heard = {each.ticket_id for each in found if isinstance(each, Hint) and not (own and each.by == own)}
    if len(heard) > MOST_TICKETS:
        raise _TooMany
    new = [number for number in heard if not clients.psa.hinted.get(f"{provider} {number}", now)]
    jobs = (ReadTicket(provider=provider, ticket_id=number, asked_at=now) for number in new)
    await in_groups((_put(job, clients) for job in jobs), _AT_ONCE)


async def _put(job: ReadTicket, clients: Clients) -> None:
    await clients.storage.queues.send(job, delay_s=GATHER_S)
    until = job.asked_at + timedelta(seconds=GATHER_S)
    clients.psa.hinted.put(f"{job.provider} {job.ticket_id}", value=True, until=until)
    log.info("webhook provider=%s ticket=%s", job.provider, job.ticket_id)


async def _ask(body: bytes, headers: Mapping[str, str], clients: Clients) -> None:
    """A Standard Webhooks sender has no ticket to read: its signed request is the request, once for each id."""
    asked, now = delivery.request(body), clients.now()
    event = sha256(headers["webhook-id"].encode()).hexdigest()
    if clients.psa.hinted.get(event, now):
        return
    job = TicketRequest(
        event=event, action=asked.action, company_id=asked.company_id, ticket_id=asked.ticket_id, asked_at=now
    )
    await clients.storage.queues.send(job)
    clients.psa.hinted.put(event, value=True, until=now + REPEATS_KNOWN)
    log.info("webhook provider=standard event=%s action=%s", event[:16], asked.action)
