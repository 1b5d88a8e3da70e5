"""The customers of the MSP's own tenant, as proposals. Nothing is added or removed here: a person sends the config."""

from clients.connect import Clients
from clients.errors import ClientError, Refused
from domain.partner import TenantProposal, proposals, with_config
from handlers.api.endpoint import Ask, Reply
from handlers.api.problem import Problem


async def show(_: Ask, clients: Clients) -> Reply:
    """Every customer with a living relationship.

    Raises:
        Problem: 409 the MSP's tenant is not set; 502 it could not be asked, with what to grant.
    """
    partner_id = clients.settings.partner_tenant_id
    if not partner_id:
        raise Problem(409, "Conflict", "HOLDFAST_PARTNER_TENANT_ID is not set: there is no partner to ask")
    configured = {config.tenant_id async for config in clients.storage.tenants.all()}
    try:
        found = proposals(await clients.partner.relationships(partner_id), configured)
        return Reply(await _with_configs(partner_id, found, clients))
    except ClientError as error:
        remedy = f" {error.remedy}" if isinstance(error, Refused) else ""
        raise Problem(
            502, "Bad Gateway", f"the partner's tenant could not be asked: {error.sentence}{remedy}"
        ) from None


async def _with_configs(partner_id: str, found: list[TenantProposal], clients: Clients) -> list[TenantProposal]:
    new = [proposal.tenant_id for proposal in found if not proposal.configured]
    information = await clients.partner.information(partner_id, new)
    return [with_config(proposal, information.get(proposal.tenant_id, {})) for proposal in found]
