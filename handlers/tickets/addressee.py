"""Who is told of a ledger's news: a tenant's company in the ticket system, or the MSP's own for the service itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from clients.connect import Clients
from clients.psa.api import PsaClient
from domain.errors import UnreadableConfig
from domain.evidence.message import is_monthly, monthly_text, monthly_title
from domain.incident import SERVICE
from domain.ledger import Entry
from domain.psa import news


@dataclass(frozen=True, slots=True)
class Addressee:
    """*ledger*: the partition whose news are told, a tenant's id or SERVICE. *company*: in the ticket system *psa*.

    *name*, *filter_name*: of the tenant and its mail filter, for people to read.
    """

    ledger: str
    company: str
    psa: PsaClient
    name: str = ""
    filter_name: str = ""

    def summary(self, cause: str, untold: Sequence[Entry]) -> str:
        """The title of a new ticket about *cause*."""
        if self.ledger == SERVICE:
            return news.incident_summary(untold[-1])
        if is_monthly(cause):
            return monthly_title(cause, self.name)
        return news.summary(cause, self.name, self.filter_name)

    def about(self, cause: str, untold: Sequence[Entry]) -> str:
        """The first text of a new ticket, which its customer may see."""
        if is_monthly(cause):
            return monthly_text(untold[-1])
        return news.ABOUT_SERVICE if self.ledger == SERVICE else news.first_text(self.filter_name)


async def addressee(ledger: str, clients: Clients) -> Addressee | None:
    """Who is told of *ledger*; None where no company was named, or no ticket system is connected."""
    if ledger == SERVICE:
        own = clients.psa.own
        return Addressee(ledger, own.company, own.psa) if own else None
    try:
        tenant = await clients.storage.tenants.get(ledger)
    except UnreadableConfig:  # it is told with what comes up once its config can be read again
        return None
    psa = clients.psa.of(tenant) if tenant else None
    if tenant is None or tenant.psa is None or psa is None:
        return None
    return Addressee(ledger, tenant.psa.company_id, psa, tenant.name, clients.filter_name(tenant))
