"""The customers of the MSP's own tenant, as proposals. Nothing is added or removed here: a person sends the config."""

from dataclasses import replace

from clients.connect import Clients
from clients.errors import ClientError, Refused
from clients.graph.graph import Raw
from domain.errors import NeighbourRefused, NotConfigured
from domain.partner import TenantProposal, proposals, with_config
from handlers.api.access import as_role
from handlers.api.routing import Neighbours, router_of

router = router_of("tenants")


@router.get("/proposals", **as_role("Reader", 409, 502))
async def get_proposals(clients: Neighbours) -> list[TenantProposal]:
    """Customers of the MSP's own tenant that could be looked after; none is added by this."""
    partner_id = clients.settings.partner_tenant_id
    if not partner_id:
        raise NotConfigured("HOLDFAST_PARTNER_TENANT_ID is not set: there is no partner to ask")
    configured = set(await clients.storage.tenants.all_since())
    try:
        found = proposals(await clients.partner.relationships(partner_id), configured)
        return await _with_configs(partner_id, found, clients)
    except ClientError as error:
        remedy = f" {error.remedy}" if isinstance(error, Refused) else ""
        raise NeighbourRefused(f"the partner's tenant could not be asked: {error.sentence}{remedy}") from None


async def _with_configs(partner_id: str, found: list[TenantProposal], clients: Clients) -> list[TenantProposal]:
    new = list(dict.fromkeys(each.tenant_id for each in found if each.tenant_id and not each.configured))
    information = await clients.partner.information(partner_id, new)
    return [_with_config(proposal, information.get(proposal.tenant_id, {})) for proposal in found]


def _with_config(proposal: TenantProposal, told: Raw | ClientError) -> TenantProposal:
    """One that could not be read keeps none of the others back, and says why."""
    if isinstance(told, ClientError):
        return replace(proposal, unclear="; ".join(filter(None, (proposal.unclear, told.sentence))))
    return with_config(proposal, told)
