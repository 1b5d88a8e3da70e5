"""Exchange's own roles in a tenant: which our application needs, which a role group gives it, and the commands between.

A role group with these roles is enough; Exchange Administrator can do far more. Which roles have a cmdlet is asked of
the tenant, since no page lists it; what the tenant does not tell is taken from domain/exchange.py, and said.
Source: docs/reference/exchange.md#roles.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from clients.connect import Clients
from clients.errors import Throttled
from domain.exchange import ROLE_GROUP, ExchangeObject
from domain.reading import Query, Reading, Seen, Unseen
from domain.steps import literal
from domain.tenant import TenantConfig


@dataclass(frozen=True, slots=True)
class ExchangeRoles:
    """*listed*: the role to grant for each cmdlet; *having*: all roles that have it, as far as the tenant told.

    *held*: the roles that our service principal has; None: the tenant did not tell.
    """

    listed: Mapping[str, str]
    having: Mapping[str, frozenset[str]]
    held: frozenset[str] | None

    @classmethod
    async def ask(
        cls, config: TenantConfig, kinds: Iterable[type[ExchangeObject]], ours: str, clients: Clients, *, reads: bool
    ) -> Self:
        """Ask the tenant. *ours*: the object id of our service principal there. *reads*: nothing is written there."""
        listed = _listed(kinds, reads=reads)
        queries = {cmdlet: Query("exchange", "Get-ManagementRole", (("Cmdlet", cmdlet),)) for cmdlet in listed}
        ask_held = Query("exchange", "Get-ManagementRoleAssignment", (("RoleAssignee", ours),))
        reading = await read_all(config, [ask_held, *queries.values()], clients)
        having = {cmdlet: _names(reading[query], "Name") for cmdlet, query in queries.items()}
        return cls(
            listed=listed,
            having={cmdlet: roles for cmdlet, roles in having.items() if roles},
            held=_names(reading[ask_held], "Role"),
        )

    def having_of(self, cmdlet: str) -> frozenset[str]:
        return self.having.get(cmdlet) or frozenset({self.listed[cmdlet]})

    def gives(self, cmdlet: str) -> str:
        """The role by which we may run *cmdlet*; empty: none that is known."""
        return min(self.having_of(cmdlet) & (self.held or frozenset()), default="")

    @property
    def missing(self) -> tuple[str, ...]:
        """The roles to grant."""
        return tuple(sorted({role for cmdlet, role in self.listed.items() if not self.gives(cmdlet)}))

    @property
    def superfluous(self) -> tuple[str, ...]:
        """The roles that no cmdlet of ours needs."""
        needed = frozenset().union(*map(self.having_of, self.listed))
        return tuple(sorted((self.held or frozenset()) - needed))

    @property
    def untold(self) -> tuple[str, ...]:
        """The cmdlets of which the tenant did not tell what roles have them."""
        return tuple(sorted(self.listed.keys() - self.having.keys()))

    def commands(self, app: str, ours: str) -> str:
        """What gives the missing roles, in Exchange Online PowerShell: to a new group, or beside what is there."""
        if self.held:
            return "; ".join(f"New-ManagementRoleAssignment -App {ours} -Role {literal(each)}" for each in self.missing)
        roles = ",".join(map(literal, self.missing))
        return (
            f"New-ServicePrincipal -AppId {app} -ObjectId {ours} -DisplayName {ROLE_GROUP}; "
            f"New-RoleGroup -Name {ROLE_GROUP} -Roles {roles} -Members {ours}"
        )


def removal(roles: Iterable[str], ours: str) -> str:
    """What takes *roles* away, whose names are the tenant's own."""
    which = f"Get-ManagementRoleAssignment -RoleAssignee {ours} -Role"
    return "; ".join(f"{which} {literal(role)} | Remove-ManagementRoleAssignment" for role in roles)


def _listed(kinds: Iterable[type[ExchangeObject]], *, reads: bool) -> dict[str, str]:
    listed = dict[str, str]()
    for kind in kinds:
        if kind.queries[0].service == "exchange":
            listed |= dict.fromkeys((query.cmdlet for query in kind.queries), kind.read_role)
            if kind.writing and not reads:
                listed |= dict.fromkeys(kind.writing.cmdlets, kind.writing.role)
    return listed


async def read_all(config: TenantConfig, queries: Sequence[Query], clients: Clients) -> Reading:
    """What the tenant answers to *queries*; one that turns us away has answered none of them."""
    try:
        return await clients.reader.read(config, queries)
    except Throttled as wait:
        return {query: Unseen(wait.sentence, clients.now()) for query in queries}


def _names(found: Seen | Unseen, field: str) -> frozenset[str] | None:
    return frozenset(str(row.get(field)) for row in found.rows) if isinstance(found, Seen) else None
