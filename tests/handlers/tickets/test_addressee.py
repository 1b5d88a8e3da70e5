"""The monthly message reaches the customer by a ticket of its company, and a channel; both verify without us."""

from datetime import UTC, datetime

from cli import chains
from domain.jobs import MakeEvidence
from handlers.delivery import deliver
from handlers.evidence import anchor_heads
from tests.handlers.tickets.msp import in_every_system, told


@in_every_system
async def test_a_customer_reads_the_monthly_message_in_a_ticket_of_its_own_and_can_verify_it(msp, tenant, tmp_path):
    service = msp.service
    await service.sweep()
    service.clock.time = datetime(2026, 12, 1, 4, 10, tzinfo=UTC)
    await anchor_heads(service.clients)
    job = MakeEvidence(tenant_id=tenant.tenant_id, month="2026-11")
    await deliver("notifications", job.body.encode(), service.clients)
    await told(msp)
    [ticket] = [each for each in msp.tickets if "Mail protection of 2026-11" in each.summary]
    message = tmp_path / "message.txt"
    message.write_text(ticket.details)
    [chain] = chains.read_files([message])
    assert (chain.ledger, chain.fault(), len(chain.proofs)) == (tenant.tenant_id, None, 1)
    await told(msp)
    assert len([each for each in msp.tickets if "Mail protection" in each.summary]) == 1
