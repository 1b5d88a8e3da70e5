"""Tenant configs over HTTP: entity tags, and changes on the condition that nobody else was faster (RFC 9110, 13)."""

import hashlib

from clients.connect import Clients
from clients.storage.tenants import ConfigMoved
from domain.ledger import Entry
from domain.tenant import TenantConfig
from handlers.api import asks as api
from handlers.api.endpoint import Ask, Reply
from handlers.api.problem import Problem, guid

type Kept = tuple[TenantConfig, str] | None


async def show(ask: Ask, clients: Clients) -> Reply:
    """One tenant's config; nothing but 304 for a caller that has this version already."""
    kept = await clients.storage.tenants.find(guid(ask.tenant_id))
    if kept is None:
        raise _nobody(ask)
    headers = {"ETag": _tag(kept[1])}
    if _names(_unweakened(ask.headers.get("if-none-match", "")), kept):
        return Reply(None, 304, headers)
    return Reply(kept[0], 200, headers)


async def put(ask: Ask, clients: Clients) -> Reply:
    """Add a tenant, or replace its config.

    Raises:
        Problem: 412 when it is not the version that the caller names; 422 with the field that is wrong.
    """
    config = api.accepted_config(ask.tenant_id, ask.body, clients)
    kept = await clients.storage.tenants.find(config.tenant_id)
    _refuse_moved(ask, kept)
    table = clients.storage.tenants
    try:
        if "if-match" in ask.headers and kept:
            await table.replace(config, kept[1])
        elif "if-none-match" in ask.headers and kept is None:
            await table.create(config)
        else:
            await table.put(config)
    except ConfigMoved as moved:
        raise _moved() from moved
    await _note(ask, config, kept[0] if kept else None, clients)
    written = await table.find(config.tenant_id)
    headers = {"ETag": _tag(written[1])} if written and written[0] == config else {}
    where = {} if kept else {"Location": f"{ask.prefix}/tenants/{config.tenant_id}"}
    return Reply(config, 200 if kept else 201, headers | where)


async def remove(ask: Ask, clients: Clients) -> Reply:
    """Stop looking after a tenant; what happened in it stays in the ledger."""
    tenant_id = guid(ask.tenant_id)
    kept = await clients.storage.tenants.find(tenant_id)
    if kept is None:
        raise _nobody(ask)
    _refuse_moved(ask, kept)
    try:
        await clients.storage.tenants.delete(tenant_id, kept[1] if "if-match" in ask.headers else None)
    except ConfigMoved as moved:
        raise _moved() from moved
    await _note(ask, None, kept[0], clients)
    return Reply(None, 204)


async def _note(ask: Ask, after: TenantConfig | None, before: TenantConfig | None, clients: Clients) -> None:
    """The ledger says who changed which part of the config."""
    new, old = (each.model_dump(mode="json") if each else {} for each in (after, before))
    changed = [name for name in TenantConfig.model_fields if new.get(name) != old.get(name)]
    if not changed:
        return
    what = "added" if before is None else "removed" if after is None else f"changed: {', '.join(changed)}"
    entry = Entry(
        at=clients.now(),
        tenant_id=guid(ask.tenant_id),
        event="configured",
        detail=what,
        before={name: old[name] for name in changed if name in old},
        after={name: new[name] for name in changed if name in new},
        actor=ask.caller,
        requested_by=ask.caller,
    )
    await clients.storage.ledger.append(entry)


def _refuse_moved(ask: Ask, kept: Kept) -> None:
    """RFC 9110, 13.1: If-Match names a version that must be there, If-None-Match one that must not."""
    match, unless = ask.headers.get("if-match"), ask.headers.get("if-none-match")
    if (match is not None and not _names(match, kept)) or (unless is not None and _names(_unweakened(unless), kept)):
        raise _moved()


def _names(condition: str, kept: Kept) -> bool:
    """Whether a list of entity tags, or `*`, names the version that is kept."""
    if kept is None:
        return False
    tags = {tag.strip() for tag in condition.split(",")}
    return bool(tags & {"*", _tag(kept[1])})


def _unweakened(condition: str) -> str:
    """If-None-Match compares weakly (RFC 9110, 13.1.2): a proxy that compresses makes tags weak."""
    return condition.replace('W/"', '"')


def _tag(version: str) -> str:
    """A strong entity tag: the storage service's own is a weak one, which no If-Match may name (RFC 9110, 13.1.1)."""
    return f'"{hashlib.sha256(version.encode()).hexdigest()[:16]}"'


def _moved() -> Problem:
    return Problem(412, "Precondition Failed", "the config is not the version named in If-Match or If-None-Match")


def _nobody(ask: Ask) -> Problem:
    return Problem(404, "Not Found", f"there is no tenant {guid(ask.tenant_id)}")
