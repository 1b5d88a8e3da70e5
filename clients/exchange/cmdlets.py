"""Runs cmdlets with the token, the limits and the pages they need; knows no host of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from clients.entra.credentials import Credentials
from clients.errors import ClientError, Forbidden, Refused, Throttled, Unauthorised, Unreadable, excerpt
from clients.exchange.invoke_command import Applied, Command, Page, Target
from clients.http import Answer, Clock, Http, Permit, Request, on_the_same_host
from domain.reading import Query, Seen, Unseen
from domain.steps import Step

log = logging.getLogger("holdfast.cmdlets")

CALLS_PER_TENANT = 2
"""Concurrent calls to one service; a tenant's apps share one limit (docs/reference/exchange.md#limits)."""
_MOST_PAGES = 100
"""A hundred thousand objects; a service that says more is linking in circles."""
_CUT_AT = 1000
"""Where lists that have a `ResultSize` may end by themselves, whatever it says (docs/reference/exchange.md#paging)."""
_OF_A_CUT = "ResultSize"
"""The parameter that a warning names which says that there is more; its sentence differs between cmdlets."""


class Cmdlets:
    """The cmdlets of one service, for every tenant of a worker."""

    def __init__(self, http: Http, credentials: Credentials, *, now: Clock) -> None:
        self._http = http
        self._credentials = credentials
        self._now = now
        # Weak: a semaphore lives while a call holds or awaits it, so ten thousand tenants need no memory between calls.
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def read(self, target: Target, base: str, query: Query, *, failed: ClientError | None = None) -> Seen:
        """Every page of *query*. *failed*: how it ended as an item of a batch. Raises ClientError."""
        command, url = command_for(target, query), target.url(base)
        first = await self.send(target, partial(command.request, url), command.page, failed=failed)
        return await self.read_on(target, base, query, first)

    async def read_on(self, target: Target, base: str, query: Query, first: Page) -> Seen:
        """What *first* begins, to its end. Raises ClientError: one page that fails is the whole read that fails."""
        command, url, page = command_for(target, query), target.url(base), first
        rows = [*first.rows]
        for _ in range(_MOST_PAGES):
            _log_warnings(command, page.warnings)
            if any(_OF_A_CUT in warning for warning in page.warnings):
                raise Unreadable("the service warns that it gave back only a part of the list")
            if page.next_link is None:
                return _complete(query, Seen(tuple(rows), first.at))
            link = on_the_same_host(url, page.next_link)
            # The same body is posted to the link; a GET is wrong (docs/reference/exchange.md#paging).
            page = await self.send(target, partial(command.request, link), command.page)
            rows += page.rows
        raise Unreadable(f"more than {_MOST_PAGES} pages")

    async def apply(self, target: Target, base: str, step: Step, *, permit: Permit) -> Applied:
        """Run one write. Raises ClientError, and what *permit* raises."""
        command, url = Command(target, step.cmdlet, step.parameters), target.url(base)
        try:
            applied = await self.send(target, partial(command.request, url), command.applied, permit=permit)
        except Refused as refusal:
            if not _already_customised(refusal):
                raise
            applied = Applied(warnings=(refusal.sentence,))
        log.info("cmdlet_applied tenant=%s cmdlet=%s", target.tenant_id, step.cmdlet)
        _log_warnings(command, applied.warnings)
        return applied

    async def send[T](
        self,
        target: Target,
        request: Callable[[str], Request],
        read: Callable[[Answer], T],
        *,
        failed: ClientError | None = None,
        permit: Permit | None = None,
    ) -> T:
        """Send what *request* makes of a token; once more with a fresh one if the kept one is not accepted.

        *permit* is asked before either, when nothing is left to wait for; a read needs none.
        """
        token = await self._credentials.token(target.tenant_id, target.scope)
        slot = self._slots.setdefault(target.tenant_id, asyncio.Semaphore(CALLS_PER_TENANT))
        async with _permitted(slot, permit) as at:
            try:
                return await self._http.send(replace(request(token), permitted_at=at), read, failed=failed)
            except Unauthorised as refusal:
                claims = refusal.claims
            except Forbidden:
                # A token carries the roles of its issue: without this, a role granted now would count in an hour.
                self._credentials.forget(target.tenant_id, target.scope)
                raise
        token = await self._credentials.token(target.tenant_id, target.scope, claims=claims, fresh=True)
        async with _permitted(slot, permit) as at:
            return await self._http.send(replace(request(token), permitted_at=at), read)

    async def settled(self, query: Query, reading: Callable[[], Awaitable[Seen]]) -> Seen | Unseen:
        """What comes of *reading*. Raises Throttled, as `unseen` does."""
        try:
            return await reading()
        except ClientError as error:
            return self.unseen(query, error)

    def unseen(self, query: Query, error: ClientError) -> Unseen:
        """The failure as a fact. Raises Throttled when it names a wait, which is for the queue to keep."""
        if isinstance(error, Throttled) and error.retry_after_s is not None:
            raise error
        log.warning("cmdlet_unseen cmdlet=%s error=%s reason=%s", query.cmdlet, type(error).__name__, str(error))
        remedy = error.remedy if isinstance(error, Refused) else ""
        return Unseen(f"{query.cmdlet} could not be read: {error}", self._now(), remedy)


def command_for(target: Target, query: Query) -> Command:
    return Command(target, query.cmdlet, dict(query.parameters))


async def together[T](work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order. The first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(piece) for piece in work]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


@asynccontextmanager
async def _permitted(slot: asyncio.Semaphore, permit: Permit | None) -> AsyncIterator[float | None]:
    async with slot:
        yield await permit() if permit else None


def _complete(query: Query, seen: Seen) -> Seen:
    if query.never_empty and not seen.rows:
        raise Unreadable("nothing came back, although every tenant has at least one")
    # A cmdlet without the parameter has nothing that cuts its list; a full Tenant Allow List has exactly so many rows.
    if len(seen.rows) == _CUT_AT and _OF_A_CUT in dict(query.parameters):
        raise Unreadable(f"exactly {_CUT_AT} came back, which is where the service cuts a list: there may be more")
    return seen


def _already_customised(refusal: Refused) -> bool:
    # Enable-OrganizationCustomization, run a second time (docs/reference/exchange.md#customisation).
    text = "Organization is already enabled for customization"
    return refusal.kind.endswith("InvalidOperationException") and text in refusal.sentence


def _log_warnings(command: Command, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        text = excerpt(warning)
        log.warning("cmdlet_warning tenant=%s cmdlet=%s text=%s", command.target.tenant_id, command.cmdlet, text)
