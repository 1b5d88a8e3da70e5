"""Tenant configs over HTTP: entity tags, and changes on condition that no other caller was faster (RFC 9110, 13)."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Self

from fastapi import Depends, Header, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import Field

from clients.connect import Clients
from clients.errors import Refused
from clients.storage.tenants import ConfigMoved, OddConfig, TenantRow
from domain.alerts.tenant_state import FALSE_ALERTS
from domain.errors import BadField, StillLocked, UnknownTenant
from domain.exemption import LONGEST_ACCEPTED
from domain.ledger import Entry
from domain.tenant import TenantConfig
from domain.widening import ProposedConfig
from handlers import config_proposals
from handlers.api import readiness
from handlers.api.access import as_role, with_headers
from handlers.api.routing import (
    PREFIX,
    CallerName,
    CallingPerson,
    FromPerson,
    Neighbours,
    Strict,
    TenantInPath,
    example,
    router_of,
)
from handlers.config_proposals import ShownProposal, refuse_foreign_suffixes
from handlers.on_request import RequestBody, canonical_id, refuse_unknown

router = router_of("tenants")

type Kept = TenantRow | OddConfig | None
"""A config with its version; one that makes no sense, too, since it may be replaced or deleted."""


class ShownTenant(TenantConfig):
    """A tenant's config, and beside it the version of its profile that it is held to, which moves by a wave alone."""

    profile_version: str = ""

    @classmethod
    def of(cls, config: TenantConfig, version: str) -> Self:
        return cls(**dict(config), profile_version=version)

    @property
    def config(self) -> TenantConfig:
        return TenantConfig(**{name: value for name, value in self if name in TenantConfig.model_fields})


class ConfigApproval(RequestBody):
    """*proposal*: of the proposed config, as it was shown to whoever approves it."""

    proposal: str = Field(pattern="^[0-9a-f]{64}$")


_ETAG = with_headers("ETag")
_ADDED = {
    201: {"model": ShownTenant} | with_headers("ETag", "Location"),
    202: {"model": ShownProposal, "description": "It lets in more than the profile and waits for another person."},
}
_EXAMPLE = {
    "tenant_id": "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4",
    "name": "Northwind Legal",
    "initial_domain": "northwindlegal.onmicrosoft.com",
    "mode": "correct",
    "controls": {"spf": {"mode": "observe"}},
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """The versions that a change asks to be there, or not to be there."""

    match: Annotated[
        str | None,
        Header(alias="If-Match", description="The entity tag of the version that is to be changed; any other is 412."),
    ] = None
    none_match: Annotated[
        str | None,
        Header(
            alias="If-None-Match",
            description="`*`: only if there is none; an entity tag: only if it has another.",
        ),
    ] = None

    def refuse_moved(self, kept: Kept) -> None:
        """RFC 9110, 13.1: If-Match names a version that must be there, If-None-Match one that must not."""
        if self.match is not None and not _names(self.match, kept):
            raise ConfigMoved
        if self.is_known(kept):
            raise ConfigMoved

    def is_known(self, kept: Kept) -> bool:
        """Whether If-None-Match names the version that is kept; it compares weakly, for proxies that compress."""
        return self.none_match is not None and _names(self.none_match.replace('W/"', '"'), kept)


type FromConditions = Annotated[Conditions, Depends()]


@router.get("/tenants", **as_role("Reader"))
async def list_tenants(clients: Neighbours) -> list[ShownTenant]:
    """Every tenant's config, and the version of its profile that it is held to."""
    return [_shown(row, clients) async for row in clients.storage.tenants.rows()]


@router.get(
    "/tenants/{tenant_id}", response_model=ShownTenant, **as_role("Reader", 404, 409, ok=_ETAG, also={304: _ETAG})
)
async def get_tenant(tenant_id: TenantInPath, conditions: FromConditions, clients: Neighbours) -> Response:
    """One tenant's config; nothing but 304 for a caller that has this version already."""
    kept = await _kept(tenant_id, clients)
    headers = {"ETag": tag_of(kept.etag)}
    if conditions.is_known(kept):
        return Response(status_code=304, headers=headers)
    return JSONResponse(jsonable_encoder(_shown(kept, clients)), 200, headers)


@router.put(
    "/tenants/{tenant_id}", response_model=ShownTenant, **as_role("Admin", 400, 404, 412, 415, ok=_ETAG, also=_ADDED)
)
async def put_tenant(
    tenant_id: TenantInPath,
    wish: Annotated[ShownTenant, Strict, example(_EXAMPLE)],
    conditions: FromConditions,
    person: FromPerson,
    clients: Neighbours,
) -> Response:
    """Add a tenant, or replace its config; one that lets in more than the profile waits for another person."""
    table, config = clients.storage.tenants, wish.config
    while True:
        kept = await table.standing(canonical_id(tenant_id))
        version = refuse_senseless(canonical_id(tenant_id), wish, kept, clients)
        conditions.refuse_moved(kept)
        if widens := config_proposals.widening(config, kept, clients):
            proposal = ProposedConfig(
                config=config,
                by=person.name,
                identity=person.identity,
                at=clients.now(),
                version=kept.etag if kept else "",
                widens=widens,
            )
            return JSONResponse(jsonable_encoder(await config_proposals.propose(proposal, clients)), 202)
        told = _change(config, kept, person.name, clients)
        try:
            if kept:
                await table.replace(TenantRow(config, kept.etag, version, kept.move), told)
            else:
                await table.create(TenantRow(config, profile_version=version), told)
        except ConfigMoved:
            continue  # another caller was faster: what this one asked for decides whether it may go on
        break
    written, shown = await table.find(config.tenant_id), ShownTenant.of(config, version)
    headers = {"ETag": tag_of(written.etag)} if written and _shown(written, clients) == shown else {}
    if kept:
        return JSONResponse(jsonable_encoder(shown), 200, headers)
    return JSONResponse(jsonable_encoder(shown), 201, headers | {"Location": f"{PREFIX}/tenants/{config.tenant_id}"})


@router.get("/tenants/{tenant_id}/config/proposed", **as_role("Reader", 404))
async def get_config_proposed(tenant_id: TenantInPath, clients: Neighbours) -> ShownProposal:
    """The config that waits for another person, of a tenant that is not looked after yet, too."""
    return await config_proposals.shown_waiting(canonical_id(tenant_id), clients)


@router.post("/tenants/{tenant_id}/config/approve", response_model=TenantConfig, **as_role("Admin", 400, 404, 409, 415))
async def post_config_approve(
    tenant_id: TenantInPath,
    approval: Annotated[ConfigApproval, Strict, example({"proposal": "0" * 64})],
    person: FromPerson,
    clients: Neighbours,
) -> TenantConfig:
    """Let a proposed config take effect, as it was shown: by another person than the one who proposed it."""
    return await approve_proposed(tenant_id, approval.proposal, person, clients)


async def approve_proposed(tenant_id: str, proposal: str, person: CallingPerson, clients: Clients) -> TenantConfig:
    """Let the proposed config of the digest *proposal* take effect. Raises ProposalMoved or AnotherPerson."""
    kept = await clients.storage.tenants.standing(canonical_id(tenant_id))

    def entry_of(proposed: ProposedConfig) -> Entry | None:
        return _change(proposed.config, kept, person.name, clients, proposed.by)

    taken = await config_proposals.take(canonical_id(tenant_id), proposal, person.identity, entry_of, clients)
    return taken.config


@router.delete("/tenants/{tenant_id}", status_code=204, **as_role("Admin", 404, 409, 412))
async def delete_tenant(
    tenant_id: TenantInPath, conditions: FromConditions, caller: CallerName, clients: Neighbours
) -> None:
    """Stop looking after a tenant; what happened in it stays in the ledger."""
    known = canonical_id(tenant_id)
    kept = await clients.storage.tenants.standing(known)
    if kept is None:
        raise UnknownTenant(known)
    conditions.refuse_moved(kept)
    states = await clients.storage.states.load(known)
    if states.was_locked_when_last_seen(clients.now()):
        raise StillLocked(known)
    if told := _change(None, kept, caller, clients):
        await clients.storage.tenants.delete(known, kept.etag, told)


@router.get("/tenants/{tenant_id}/readiness", **as_role("Reader", 404))
async def get_readiness(tenant_id: TenantInPath, clients: Neighbours) -> readiness.Readiness:
    """What the tenant has granted, and what is missing, with the grant that mends it."""
    return await readiness.look(tenant_id, clients)


def _shown(row: TenantRow, clients: Clients) -> ShownTenant:
    """As callers see it; a row whose profile is not there is shown too, for whoever mends it."""
    return ShownTenant.of(row.config, clients.profiles.resolved(row.config.profile, row.profile_version))


async def _kept(tenant_id: str, clients: Clients) -> TenantRow:
    kept = await clients.storage.tenants.find(canonical_id(tenant_id))
    if kept is None:
        raise UnknownTenant(canonical_id(tenant_id))
    return kept


def refuse_senseless(tenant_id: str, wish: ShownTenant, kept: Kept, clients: Clients) -> str:
    """The version of the profile that the tenant is held to. Raises BadField for what the model alone cannot see."""
    config = wish.config
    if config.tenant_id != tenant_id:
        raise BadField("body.tenant_id", "should be the one in the path")
    refuse_unknown(config.controls.keys() - {FALSE_ALERTS}, "body.controls")
    if unknown := [name for name in config.notify if name not in clients.channels.by_name]:
        raise BadField("body.notify", f"no setting gives '{unknown[0]}' a URL")
    _refuse_long_declarations(config, kept, clients)
    try:
        version = config_proposals.version_for(config, kept, clients)
        wanted = clients.wanted(config, version)
        refuse_foreign_suffixes(wanted.profile.mx_suffixes if "mx_suffixes" in config.overrides else ())
        for zone in config.dns:
            clients.hosting.provider(config, zone)
    except ValueError as error:
        field, _, fault = str(error).partition(": ")
        raise BadField(f"body.{field}", fault) from None
    except Refused as refusal:
        field, _, fault = refusal.sentence.partition(": ")
        raise BadField(f"body.{field}", fault) from None
    if wish.profile_version not in {"", version}:
        raise BadField("body.profile_version", f"is {version}, and moves by a wave (POST /waves)")
    return version


def _refuse_long_declarations(config: TenantConfig, kept: Kept, clients: Clients) -> None:
    """Raises BadField for a declaration that is new here and ends later than one at its own path might."""
    before = kept.config.declared if isinstance(kept, TenantRow) else ()
    if any(each.until > clients.now() + LONGEST_ACCEPTED for each in config.declared if each not in before):
        raise BadField("body.declared", "until should be at most a year ahead")


def _change(
    after: TenantConfig | None, kept: Kept, caller: str, clients: Clients, proposed_by: str = ""
) -> Entry | None:
    """The ledger entry that says who changed which part of the config; None where none differs."""
    new, old = after.model_dump(mode="json") if after else {}, _known_of(kept)
    changed = [name for name in TenantConfig.model_fields if new.get(name) != old.get(name)]
    if not changed:
        return None
    what = "added" if kept is None else "removed" if after is None else f"changed: {', '.join(changed)}"
    odd = " (what was stored made no sense)" if isinstance(kept, OddConfig) else ""
    return Entry(
        at=clients.now(),
        tenant_id=str((new or old)["tenant_id"]),
        event="configured",
        detail=f"{what}{odd}",
        before={name: old[name] for name in changed if name in old},
        after={name: new[name] for name in changed if name in new},
        actor=caller,
        requested_by=proposed_by or caller,
    )


def _known_of(kept: Kept) -> dict[str, Any]:
    match kept:
        case None:
            return {}
        case OddConfig():
            return {"tenant_id": kept.tenant_id}
        case TenantRow():
            return kept.config.model_dump(mode="json")


def _names(condition: str, kept: Kept) -> bool:
    """Whether a list of entity tags, or `*`, names the version that is kept."""
    if kept is None:
        return False
    tags = {tag.strip() for tag in condition.split(",")}
    return bool(tags & {"*", tag_of(kept.etag)})


def tag_of(version: str) -> str:
    """A strong entity tag: the storage service's own is a weak one, which no If-Match may name (RFC 9110, 13.1.1)."""
    return f'"{hashlib.sha256(version.encode()).hexdigest()[:16]}"'
