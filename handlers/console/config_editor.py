"""The editor of a tenant's config: errors at their field, the difference before it is saved, one version only."""

from collections.abc import Mapping

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from clients.connect import Clients
from clients.storage.tenants import TenantRow
from domain.errors import BadField
from domain.shown import quoted
from domain.tenant import TenantConfig
from handlers import config_proposals
from handlers.api import tenants
from handlers.api.routing import CallingPerson, Neighbours
from handlers.console import config_form
from handlers.console.config_form import SentConfig, changed_fields, fields_of
from handlers.console.web import PersonsForm, SentForm, render_page, require_role, router, see
from handlers.on_request import canonical_id, known_row

editor = router()


@editor.get("/tenants/{tenant_id}/config")
async def config_page(request: Request, tenant_id: str, clients: Neighbours) -> Response:
    """The tenant's config, to be changed; its version is the page's entity tag."""
    kept = await known_row(tenant_id, clients)
    return _editor(request, kept, fields_of(kept.config), {}, clients)


@editor.post("/tenants/{tenant_id}/config")
async def change_config(request: Request, tenant_id: str, form: SentForm, clients: Neighbours) -> Response:
    """Show what would change, or what is wrong at which field; once confirmed, save it on that version only."""
    require_role(form.session, "Admin")
    kept = await known_row(tenant_id, clients)
    wanted, wrong = _read(SentConfig(form.fields, kept.config), kept, clients)
    if wanted is None or form.text("again"):
        return _editor(request, kept, form.fields, wrong, clients)
    is_moved = form.text("version") != tenants.tag_of(kept.etag)
    if is_moved or form.text("confirmed") != "yes":
        return _difference(request, kept, wanted, form, clients, is_moved=is_moved)
    person, wish = CallingPerson(form.session.name, form.session.identity), tenants.ShownTenant.of(wanted, "")
    conditions = tenants.Conditions(match=form.text("version"))
    answer = await tenants.put_tenant(kept.config.tenant_id, wish, conditions, person, clients)
    waits = isinstance(answer, JSONResponse) and answer.status_code == 202  # noqa: PLR2004 - proposed
    return see("/inbox?kind=config" if waits else f"/tenants/{kept.config.tenant_id}")


@editor.get("/tenants/{tenant_id}/config/proposed")
async def proposed_page(request: Request, tenant_id: str, clients: Neighbours) -> Response:
    """The config that waits for another person, against the one that counts; there may be none of that tenant yet."""
    tenant_id = canonical_id(tenant_id)
    proposed = await config_proposals.shown_waiting(tenant_id, clients)
    kept = await clients.storage.tenants.get(tenant_id)
    return render_page(
        request,
        "config-proposed.html",
        title=f"Proposed config of {proposed.config.name}",
        proposed=proposed,
        changes=changed_fields(kept, proposed.config),
        known=kept is not None,
        data=f"/api/tenants/{tenant_id}/config/proposed",
    )


@editor.post("/tenants/{tenant_id}/config/approve")
async def approve_config(tenant_id: str, form: SentForm, clients: Neighbours) -> Response:
    """Let the proposed config that the page showed take effect, as another person than the one who proposed it."""
    require_role(form.session, "Admin")
    person = CallingPerson(form.session.name, form.session.identity)
    taken = await tenants.approve_proposed(tenant_id, form.text("proposal"), person, clients)
    return see(f"/tenants/{taken.tenant_id}")


def _read(sent: SentConfig, kept: TenantRow, clients: Clients) -> tuple[TenantConfig | None, dict[str, str]]:
    """The config that a person sent, or what is wrong with it, by the field."""
    if wrong := sent.faults():
        return None, wrong
    try:
        wanted = TenantConfig.model_validate(sent.document())
        tenants.refuse_senseless(kept.config.tenant_id, tenants.ShownTenant.of(wanted, ""), kept, clients)
    except ValidationError as error:
        return None, {sent.place_of(each["loc"]): _why(each) for each in reversed(error.errors())}
    except BadField as error:
        first, _, rest = error.field.removeprefix("body.").partition(".")
        place = sent.place_of([first, rest])
        return None, {place: f"{rest}: {error.fault}" if rest and place == first else error.fault}
    return wanted, {}


def _why(error: ErrorDetails) -> str:
    """What is wrong; of a list with commas between its items, with which of them."""
    why, given = error["msg"].removeprefix("Value error, "), error["input"]
    return f"{quoted(given)}: {why}" if isinstance(error["loc"][-1], int) and isinstance(given, str) else why


def _difference(  # noqa: PLR0913 - what the page shows
    request: Request, kept: TenantRow, wanted: TenantConfig, form: PersonsForm, clients: Clients, *, is_moved: bool
) -> Response:
    """What would change, against the version that counts now."""
    return render_page(
        request,
        "config-diff.html",
        status=412 if is_moved else 200,
        title=f"Config of {kept.config.name}: what would change",
        tenant=kept.config,
        changes=changed_fields(kept.config, wanted),
        widens=config_proposals.widening(wanted, kept, clients),
        moved=is_moved,
        sent={name: value for name, value in form.fields.items() if name not in _OF_THE_PAGE},
        version=tenants.tag_of(kept.etag),
    )


_OF_THE_PAGE = {"version", "confirmed", "again"}


def _editor(
    request: Request, kept: TenantRow, fields: Mapping[str, str], wrong: Mapping[str, str], clients: Clients
) -> Response:
    version = tenants.tag_of(kept.etag)
    page = render_page(
        request,
        "config.html",
        status=422 if wrong else 200,
        title=f"Config of {kept.config.name}",
        tenant=kept.config,
        held_to=clients.profiles.resolved(kept.config.profile, kept.profile_version),
        profiles=sorted({*clients.profiles.newest, kept.config.profile}),
        channels=sorted(clients.channels.by_name),
        form=config_form,
        fields=fields,
        declared={each.finding: each for each in kept.config.declared},
        numbers={group: _numbers(fields, group) for group in config_form.ROWS},
        wrong=wrong,
        version=version,
        data=f"/api/tenants/{kept.config.tenant_id}",
    )
    page.headers["ETag"] = version
    return page


def _numbers(fields: Mapping[str, str], group: str) -> list[int]:
    """The rows of a list that the form shows: those that there are, and one for what is to be added."""
    there = config_form.numbers_in(fields, group)
    return there if group == "declared" else [*there, max(there, default=-1) + 1]
