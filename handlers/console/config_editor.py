"""The editor of a tenant's config: errors at their field, the difference before it is saved, one version only."""

import json
from collections.abc import Mapping

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from clients.connect import Clients
from domain.tenant import TenantConfig
from handlers.api import tenants
from handlers.api.routing import CallingPerson, Neighbours
from handlers.console.web import SentForm, render_page, require_role, router, see
from handlers.on_request import known_tenant

editor = router()


@editor.get("/tenants/{tenant_id}/config")
async def config_page(request: Request, tenant_id: str, clients: Neighbours) -> Response:
    """The tenant's config, to be changed."""
    config, version = await _kept(tenant_id, clients)
    return _editor(request, config, _json(config), version, {})


@editor.post("/tenants/{tenant_id}/config")
async def change_config(request: Request, tenant_id: str, form: SentForm, clients: Neighbours) -> Response:
    """Show what would change, or what is wrong at which field; once confirmed, save it on that version only."""
    require_role(form.session, "Admin")
    kept, _ = await _kept(tenant_id, clients)
    text, version = form.text("config"), form.text("version")
    try:
        wanted = TenantConfig.model_validate(json.loads(text))
    except ValidationError as error:
        wrong = {".".join(map(str, each["loc"])): each["msg"].removeprefix("Value error, ") for each in error.errors()}
        return _editor(request, kept, text, version, wrong, status=422)
    except ValueError as error:
        return _editor(request, kept, text, version, {"config": f"is not JSON: {error}"}, status=422)
    if form.text("confirmed") != "yes":
        return render_page(
            request,
            "config-diff.html",
            title=f"Config of {kept.name}: what would change",
            tenant=kept,
            changes=_changes(kept, wanted),
            text=text,
            version=version,
        )
    person, wish = CallingPerson(form.session.name, form.session.identity), tenants.ShownTenant.of(wanted, "")
    answer = await tenants.put_tenant(kept.tenant_id, wish, tenants.Conditions(match=version), person, clients)
    waits = isinstance(answer, JSONResponse) and answer.status_code == 202  # noqa: PLR2004 - proposed
    return see("/inbox?kind=config" if waits else f"/tenants/{kept.tenant_id}")


@editor.post("/tenants/{tenant_id}/config/approve")
async def approve_config(tenant_id: str, form: SentForm, clients: Neighbours) -> Response:
    """Let a proposed config take effect, as another person than the one who proposed it."""
    require_role(form.session, "Admin")
    person = CallingPerson(form.session.name, form.session.identity)
    taken = await tenants.post_config_approve(tenant_id, person, clients)
    return see(f"/tenants/{taken.tenant_id}")


async def _kept(tenant_id: str, clients: Clients) -> tuple[TenantConfig, str]:
    config = await known_tenant(tenant_id, clients)
    found = await clients.storage.tenants.find(config.tenant_id)
    return (found.config, tenants.tag_of(found.etag)) if found else (config, "")


def _json(config: TenantConfig) -> str:
    return json.dumps(config.model_dump(mode="json", exclude_defaults=True), indent=2, ensure_ascii=False)


def _changes(before: TenantConfig, after: TenantConfig) -> list[tuple[str, str, str]]:
    """Each field that would change, as it is and as it would be."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return [
        (name, json.dumps(old[name], ensure_ascii=False), json.dumps(new[name], ensure_ascii=False))
        for name in TenantConfig.model_fields
        if old[name] != new[name]
    ]


def _editor(  # noqa: PLR0913 - what the page shows
    request: Request, config: TenantConfig, text: str, version: str, wrong: Mapping[str, str], *, status: int = 200
) -> Response:
    return render_page(
        request,
        "config.html",
        status=status,
        title=f"Config of {config.name}",
        tenant=config,
        text=text,
        version=version,
        wrong=wrong,
        data=f"/api/tenants/{config.tenant_id}",
    )
