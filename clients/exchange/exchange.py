"""Exchange Online: facts out, steps in."""

from collections.abc import Sequence
from functools import partial
from itertools import batched

from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.errors import ClientError, Throttled
from clients.exchange.batch import MOST_ITEMS, batch_request, read_batch
from clients.exchange.cmdlets import Cmdlets, command_for, together
from clients.exchange.invoke_command import Applied, Page, Target
from clients.http import Clock, Http, Permit
from domain.reading import Query, Seen, Unseen
from domain.steps import Step

# A system mailbox that every tenant has, so that calls reach its servers (docs/reference/exchange.md#anchor).
_ANCHOR = "APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant_id}"


class Exchange:
    """Exchange Online of every tenant of a worker."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints, *, now: Clock) -> None:
        self._cmdlets = Cmdlets(http, credentials, now=now)
        self._credentials = credentials
        self._base = endpoints.exchange
        self._scope = endpoints.exchange_scope

    async def read(self, tenant_id: str, queries: Sequence[Query]) -> dict[Query, Seen | Unseen]:
        """Every query answered, one entry each: several in one `$batch`, what failed there again on its own.

        Raises:
            Throttled: Exchange asked for a wait longer than our patience; `retry_after_s` is that wait.
        """
        target = self._target(tenant_id)
        parts = batched(dict.fromkeys(queries), MOST_ITEMS, strict=False)
        found: dict[Query, Seen | Unseen] = {}
        for part in await together(self._read_part(target, part) for part in parts):
            found |= part
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

    async def _read_part(self, target: Target, queries: tuple[Query, ...]) -> dict[Query, Seen | Unseen]:
        if len(queries) == 1:
            return {queries[0]: await self._finish(target, queries[0], None)}
        try:
            endings = await self._batch(target, queries)
        except ClientError as error:
            return {query: self._cmdlets.unseen(query, error) for query in queries}
        facts = await together(map(partial(self._finish, target), queries, endings))
        return dict(zip(queries, facts, strict=True))

    async def _batch(self, target: Target, queries: Sequence[Query]) -> list[Page | ClientError]:
        commands = [command_for(target, query) for query in queries]
        request, read = partial(batch_request, commands, self._base), partial(read_batch, commands)
        return await self._cmdlets.send(target, request, read)

    async def _finish(self, target: Target, query: Query, ending: Page | ClientError | None) -> Seen | Unseen:
        """Read on from a batch's page; ask alone what failed there (*ending* is the error) or was not in any (None)."""
        if isinstance(ending, Page):
            reading = partial(self._cmdlets.read_on, target, self._base, query, ending)
        else:
            # The wait that a throttled item asked for is kept; any other failure is simply asked again.
            failed = ending if isinstance(ending, Throttled) else None
            reading = partial(self._cmdlets.read, target, self._base, query, failed=failed)
        return await self._cmdlets.settled(query, reading)
