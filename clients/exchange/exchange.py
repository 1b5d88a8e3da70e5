"""Exchange Online: facts out, steps in."""

from collections.abc import Sequence
from functools import partial
from itertools import batched

from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.errors import ClientError, Forbidden, Throttled, Unauthorised
from clients.exchange.batch import MOST_ITEMS, batch_request, read_batch
from clients.exchange.cmdlets import Cmdlets, command_for, together
from clients.exchange.invoke_command import Applied, Page, Target
from clients.http import Clock, Http, Permit
from clients.restraint import heeding
from domain.reading import Query, Seen, Unseen
from domain.steps import Step

# A system mailbox that every tenant has, so that calls reach its servers (docs/reference/exchange.md#anchor).
_ANCHOR = "APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant_id}"

MOST_ASKED_ALONE = 3
"""Of a batch in which more was forbidden none of that is asked again alone: it is the roles, and each visit would."""


class Exchange:
    """Exchange Online of every tenant of a worker."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints, *, now: Clock) -> None:
        self._cmdlets = Cmdlets(http, credentials, now=now)
        self._now = now
        self._credentials = credentials
        self._base = endpoints.exchange
        self._scope = endpoints.exchange_scope

    async def read(self, tenant_id: str, queries: Sequence[Query]) -> dict[Query, Seen | Unseen]:
        """Every query answered, one entry each: several in one `$batch`, what failed there again on its own.

        Raises:
            Throttled: Exchange asked for a wait longer than our patience; `retry_after_s` is that wait.
        """
        target = self._target(tenant_id)
        parts = list(batched(dict.fromkeys(queries), MOST_ITEMS, strict=False))
        if not parts:
            return {}
        try:
            with heeding(target.service, self._now):
                return await self._read_parts(target, parts)
        except (Unauthorised, Forbidden) as refusal:
            return {query: self._cmdlets.unseen(query, refusal) for query in queries}

    async def _read_parts(self, target: Target, parts: list[tuple[Query, ...]]) -> dict[Query, Seen | Unseen]:
        """Every part answered. Raises Unauthorised, Forbidden where each of them was refused, and Throttled."""
        found: dict[Query, Seen | Unseen] = {}
        refusals = list[Unauthorised | Forbidden]()
        for part in await together(self._read_part(target, part, refusals) for part in parts):
            found |= part
        if len(refusals) == len(parts):
            raise refusals[0]
        return found

    async def apply(self, tenant_id: str, step: Step, *, permit: Permit) -> Applied:
        """Run one write, once *permit* has let it pass.

        *permit* is asked when nothing is left to wait for, and again before the repeat with a fresh token. It raises
        to stop the write; that exception, which should be no ClientError, comes out as it is.

        Raises:
            Unreachable: with `sent`, and Unreadable: it may have been applied; read again before deciding.
            Unreachable: without `sent`: not applied.
            Throttled: not applied (429); `retry_after_s` is the wait asked for.
            Refused: not applied; `remedy` says what a person must do, where that is known.
        """
        return await self._cmdlets.apply(self._target(tenant_id), self._base, step, permit=permit)

    def _target(self, tenant_id: str) -> Target:
        anchor = _ANCHOR.format(tenant_id=tenant_id)
        return Target("exchange", tenant_id, self._scope, anchor, self._credentials.consent_url(tenant_id))

    async def _read_part(
        self, target: Target, queries: tuple[Query, ...], refusals: list[Unauthorised | Forbidden]
    ) -> dict[Query, Seen | Unseen]:
        """Every query answered; where all of them were refused alike, that is among the *refusals*."""
        try:
            if len(queries) == 1:
                return {queries[0]: await self._cmdlets.read(target, self._base, queries[0])}
            endings = await self._batch(target, queries)
        except ClientError as error:
            refusals += [error] if isinstance(error, Unauthorised | Forbidden) else []
            return {query: self._cmdlets.unseen(query, error) for query in queries}
        denied = sum(isinstance(ending, Forbidden) for ending in endings)
        finish = partial(self._finish, target, spared=denied > MOST_ASKED_ALONE)
        facts = await together(map(finish, queries, endings))
        return dict(zip(queries, facts, strict=True))

    async def _batch(self, target: Target, queries: Sequence[Query]) -> list[Page | ClientError]:
        commands = [command_for(target, query) for query in queries]
        request, read = partial(batch_request, commands, self._base), partial(read_batch, commands)
        return await self._cmdlets.send(target, request, read)

    async def _finish(self, target: Target, query: Query, ending: Page | ClientError, *, spared: bool) -> Seen | Unseen:
        """Read on from a batch's page; ask alone what failed there (*ending* is the error).

        *spared*: what was forbidden is not asked again.
        """
        if spared and isinstance(ending, Forbidden):
            # The same token is refused again; a new one may carry a role that was granted meanwhile.
            self._credentials.forget(target.tenant_id, target.scope)
            return self._cmdlets.unseen(query, ending)
        if isinstance(ending, Page):
            reading = partial(self._cmdlets.read_on, target, self._base, query, ending)
        else:
            # The wait that a throttled item asked for is kept; any other failure is simply asked again.
            failed = ending if isinstance(ending, Throttled) else None
            reading = partial(self._cmdlets.read, target, self._base, query, failed=failed)
        return await self._cmdlets.settled(query, reading)
