"""Requests with a tenant's token to services that take one as it is: Graph and the Management Activity API."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from clients.entra.credentials import Credentials
from clients.errors import Forbidden, Throttled, Unauthorised
from clients.http import Answer, Http, Permit, Request, on_the_same_host
from clients.restraint import heeding


@dataclass(frozen=True, slots=True)
class WithToken:
    """Sends requests to one *service*, of any tenant. *base*: its URL; *scope*: the audience of the token."""

    http: Http
    credentials: Credentials
    base: str
    scope: str
    service: str

    async def send[T](
        self,
        tenant_id: str,
        request: Request,
        read: Callable[[Answer], T],
        *,
        permit: Permit | None = None,
        failed: Throttled | None = None,
    ) -> T:
        """Send *request*; once more with a fresh token if the kept one is not accepted. Raises ClientError.

        *failed*: how its first try ended, as `Http.send` has it.
        """
        with heeding(self.service, self.http.now):
            return await self._accepted(tenant_id, request, read, permit, failed)

    async def _accepted[T](
        self,
        tenant_id: str,
        request: Request,
        read: Callable[[Answer], T],
        permit: Permit | None,
        failed: Throttled | None,
    ) -> T:
        token = await self.credentials.token(tenant_id, self.scope)
        try:
            return await self._once(token, request, read, permit, failed)
        except Unauthorised as refusal:
            claims = refusal.claims
        except Forbidden:
            # A token carries the roles of its issue: without this, a role granted now would count in an hour.
            self.credentials.forget(tenant_id, self.scope)
            raise
        token = await self.credentials.token(tenant_id, self.scope, claims=claims, fresh=True)
        return await self._once(token, request, read, permit)

    def url(self, path_or_link: str) -> str:
        """Where a path of ours leads, or a link that the service gave, if that stays there.

        Raises:
            Unreadable: It leads elsewhere, and our token would go along.
        """
        if path_or_link.startswith("/"):
            return f"{self.base}{path_or_link}"
        return on_the_same_host(self.base, path_or_link)

    async def _once[T](
        self,
        token: str,
        request: Request,
        read: Callable[[Answer], T],
        permit: Permit | None,
        failed: Throttled | None = None,
    ) -> T:
        permitted_at = await permit() if permit else None
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        sent = replace(request, headers=headers, service=self.service, permitted_at=permitted_at)
        return await self.http.send(sent, read, failed=failed)
