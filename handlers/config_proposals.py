"""Configs that let in more than their profile: kept as proposed until another person approves them."""

from collections.abc import Callable
from contextlib import suppress

from pydantic import AwareDatetime, BaseModel, ConfigDict

from clients import public_suffixes
from clients.connect import Clients
from clients.storage.tenants import ConfigMoved, OddConfig, TenantRow
from domain.errors import AnotherPerson, NothingProposed, ProposalMoved
from domain.ledger import Entry
from domain.mail import names
from domain.tenant import TenantConfig
from domain.widening import ProposedConfig, is_microsofts, widened
from handlers.callers import is_person


class ShownProposal(BaseModel):
    """A proposed config, and what it would let in. *proposal*: the config's digest, by which it is approved."""

    model_config = ConfigDict(frozen=True)

    state: str = "proposed"
    proposal: str
    tenant_id: str
    by: str
    at: AwareDatetime
    lapses_at: AwareDatetime
    widens: tuple[str, ...]
    config: TenantConfig


def shown_proposal(proposed: ProposedConfig) -> ShownProposal:
    return ShownProposal(
        proposal=proposed.digest,
        tenant_id=proposed.config.tenant_id,
        by=proposed.by,
        at=proposed.at,
        lapses_at=proposed.lapses_at,
        widens=proposed.widens,
        config=proposed.config,
    )


def refuse_foreign_suffixes(suffixes: tuple[str, ...]) -> None:
    """Raises ValueError for a suffix of MX hosts that cannot be one filter's own."""
    for suffix in suffixes:
        try:
            name = names.to_ascii(suffix)
        except ValueError as error:
            raise ValueError(f"overrides.mx_suffixes: {error}") from None
        if is_microsofts(name):
            raise ValueError(f"overrides.mx_suffixes: {name} is Microsoft's own, not a filter's")
        if public_suffixes.is_public(name):
            raise ValueError(f"overrides.mx_suffixes: {name} is a public suffix, below which anybody can have hosts")


def version_for(config: TenantConfig, kept: TenantRow | OddConfig | None, clients: Clients) -> str:
    """The version of its profile that a tenant is held to once its config is *config*: as it was, or the newest."""
    if isinstance(kept, TenantRow) and kept.config.profile == config.profile:
        return clients.profiles.resolved(config.profile, kept.profile_version)
    versions = [each.version for each in clients.profiles.versions_of(config.profile)]
    if isinstance(kept, OddConfig) and kept.profile_version in versions:
        return kept.profile_version
    newest = clients.profiles.newest.get(config.profile)
    return newest.version if newest else ""


def widening(config: TenantConfig, kept: TenantRow | OddConfig | None, clients: Clients) -> tuple[str, ...]:
    """What *config* lets in that neither its profile does nor the config that counts now."""
    if not config.overrides:
        return ()
    version = version_for(config, kept, clients)
    accepted = [clients.profiles.held_to(config.profile, version)]
    if isinstance(kept, TenantRow):
        with suppress(ValueError):  # what makes no sense lets nothing in
            accepted.append(clients.wanted(kept.config, kept.profile_version).profile)
    return widened(clients.wanted(config, version).profile, *accepted)


async def propose(proposed: ProposedConfig, clients: Clients) -> ShownProposal:
    """Keep *proposed* for another person, and say so in the ledger."""
    entry = Entry(
        at=proposed.at,
        tenant_id=proposed.config.tenant_id,
        event="proposed",
        detail=f"a config waits for another person: {'; '.join(proposed.widens)}",
        actor=proposed.by,
        requested_by=proposed.by,
    )
    await clients.storage.tenants.propose(proposed, entry)
    return shown_proposal(proposed)


async def waiting(tenant_id: str, clients: Clients) -> ProposedConfig | None:
    """The tenant's proposed config, while it waits."""
    found = await _waiting(tenant_id, clients)
    return found[0] if found else None


async def shown_waiting(tenant_id: str, clients: Clients) -> ShownProposal:
    """The same, as callers see it. Raises NothingProposed."""
    if proposed := await waiting(tenant_id, clients):
        return shown_proposal(proposed)
    raise NothingProposed(tenant_id)


async def _waiting(tenant_id: str, clients: Clients) -> tuple[ProposedConfig, str] | None:
    found = await clients.storage.tenants.proposed(tenant_id)
    return found if found and found[0].waits_at(clients.now()) else None


async def take(
    tenant_id: str, digest: str, identity: str, entry_of: Callable[[ProposedConfig], Entry | None], clients: Clients
) -> ProposedConfig:
    """Let the proposed config of this digest take effect, with its ledger entry: what the second person has seen.

    Raises:
        RequestError: ProposalMoved: none waits, or another one, or it was to replace another config; AnotherPerson.
    """
    found = await _waiting(tenant_id, clients)
    if found is None:
        raise ProposalMoved("no config of this tenant waits for another person")
    proposed, row_version = found
    if proposed.digest != digest:
        raise ProposalMoved("the proposal is another one now: look at it, then approve that")
    _refuse_same(proposed, identity, signed_in=bool(clients.settings.api_audience))
    table, config = clients.storage.tenants, proposed.config
    kept = await table.standing(tenant_id)
    row = TenantRow(config, proposed.version, version_for(config, kept, clients), kept.move if kept else None)
    try:
        await (table.replace if proposed.version else table.create)(row, entry_of(proposed))
    except ConfigMoved:
        raise ProposalMoved("the config was changed since this one was proposed: propose it again") from None
    await table.forget_proposed(tenant_id, row_version)
    return proposed


def _refuse_same(proposed: ProposedConfig, identity: str, *, signed_in: bool) -> None:
    """One person may have several keys and applications, so that where people sign in only they count."""
    if signed_in and not (is_person(proposed.identity) and is_person(identity)):
        raise AnotherPerson(
            "two people who are signed in have to propose and to approve it, not a key or an application"
        )
    if proposed.identity == identity:
        raise AnotherPerson(f"another person than {proposed.by} has to approve it")
