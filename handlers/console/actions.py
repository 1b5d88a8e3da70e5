"""What a person may have done to a tenant by a form: the same requests as those of the API."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import HTTPException
from pydantic import BaseModel, ValidationError

from clients.connect import Clients
from domain.access import Role
from domain.operations import Operation
from handlers import exemptions, findings, on_request
from handlers.console.web import PersonsForm
from handlers.exemptions import ExemptionRequest
from handlers.findings import DeclarationRequest, RemovalRequest
from handlers.on_request import ApprovalRequest, OpenRequest, ReprovisionRequest, UndoRequest

type Deed = Callable[[str, PersonsForm, Clients], Awaitable[Operation | None]]


def wish_of[T: BaseModel](kind: type[T], fields: Mapping[str, Any]) -> T:
    """The request that a form makes. Raises HTTPException 422 that names the field."""
    given = {name: value for name, value in fields.items() if value not in {"", None}}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        raise HTTPException(422, f"{field}: {fault['msg'].removeprefix('Value error, ')}") from None


def until_of(form: PersonsForm) -> str:
    """The end that a form names, a day, as the moment at which that day ends."""
    day = form.text("until")
    return f"{day}T23:59:59Z" if day and "T" not in day else day


async def _check(tenant_id: str, form: PersonsForm, clients: Clients) -> Operation:
    return await on_request.check(tenant_id, form.requester, clients)


async def _reprovision(tenant_id: str, form: PersonsForm, clients: Clients) -> Operation:
    fields = {"controls": form.all("control") or None, "dry_run": form.text("dry_run") == "yes"}
    wish = wish_of(ReprovisionRequest, fields | {"reason": form.text("reason")})
    return await on_request.reprovision(tenant_id, wish, form.requester, clients)


async def _approve(tenant_id: str, form: PersonsForm, clients: Clients) -> Operation:
    fields = {"plan": form.text("plan"), "reason": form.text("reason"), "owner": form.text("owner")}
    wish = wish_of(ApprovalRequest, fields | {"until": until_of(form)})
    return await on_request.approve(tenant_id, form.text("control"), wish, form.requester, clients)


async def _except(tenant_id: str, form: PersonsForm, clients: Clients) -> None:
    fields = {"reason": form.text("reason"), "owner": form.text("owner"), "until": until_of(form)}
    wish = wish_of(ExemptionRequest, fields)
    await exemptions.accept(tenant_id, form.text("control"), wish, form.session.name, clients)


async def _unexcept(tenant_id: str, form: PersonsForm, clients: Clients) -> None:
    await exemptions.end(tenant_id, form.text("control"), form.session.name, clients)


async def _declare(tenant_id: str, form: PersonsForm, clients: Clients) -> None:
    fields = {"reason": form.text("reason"), "owner": form.text("owner"), "until": until_of(form)}
    wish = wish_of(DeclarationRequest, fields)
    await findings.declare(tenant_id, form.text("finding"), wish, form.session.name, clients)


async def _remove(tenant_id: str, form: PersonsForm, clients: Clients) -> Operation:
    wish = RemovalRequest(reason=form.text("reason"), dry_run=form.text("dry_run") == "yes")
    return await findings.remove(tenant_id, form.text("finding"), wish, form.requester, clients)


async def _undo(tenant_id: str, form: PersonsForm, clients: Clients) -> Operation:
    fields = {"entry": form.text("entry"), "reason": form.text("reason"), "until": until_of(form)}
    wish = wish_of(UndoRequest, fields | {"dry_run": form.text("dry_run") == "yes"})
    return await on_request.undo_entry(tenant_id, form.text("control"), wish, form.requester, clients)


async def _open(tenant_id: str, form: PersonsForm, clients: Clients) -> Operation:
    fields = {"reason": form.text("reason"), "until": until_of(form), "dry_run": form.text("dry_run") == "yes"}
    wish = wish_of(OpenRequest, fields)
    return await on_request.open_tenant(tenant_id, wish, form.requester, clients)


DEEDS: dict[str, tuple[Role, Deed]] = {
    "check": ("Operator", _check),
    "reprovision": ("Operator", _reprovision),
    "approve": ("Approver", _approve),
    "except": ("Approver", _except),
    "unexcept": ("Approver", _unexcept),
    "declare": ("Approver", _declare),
    "remove": ("Approver", _remove),
    "undo": ("Approver", _undo),
    "open": ("Operator", _open),
}
"""Each action with the role that it needs."""
