"""Answers to many things at once: chosen in the inbox, listed, confirmed once."""

from datetime import timedelta

from fastapi import HTTPException, Request, Response

from clients.connect import Clients
from domain.access import Role
from domain.errors import RequestError
from domain.fleet_lists import Filter
from handlers import findings, fleet, on_request
from handlers.api.routing import Neighbours
from handlers.console.actions import until_of, wish_of
from handlers.console.web import PersonsForm, SentForm, render_page, require_role, router, see
from handlers.findings import DeclarationRequest, RemovalRequest
from handlers.fleet import InboxItem, Slice
from handlers.on_request import ApprovalRequest

answers = router()

MOST_WAITING = 10_000
"""Things that wait, of which some may be chosen."""

ROLES_OF: dict[str, Role] = {"approve": "Approver", "declare": "Approver", "remove": "Approver", "seen": "Operator"}
"""What may be done to many, each with the role that it needs."""


def key_of_item(item: InboxItem) -> str:
    """What a form names an item by: with what the person saw of it, so that another plan is another item."""
    return f"{item.kind}|{item.tenant_id}|{item.control}|{item.plan}|{item.finding}"


@answers.post("/inbox")
async def answer_many(request: Request, form: SentForm, clients: Neighbours) -> Response:
    """Show what was chosen in the inbox; once confirmed, answer each of them alike."""
    action, chosen = form.text("action"), form.all("item")
    if action not in ROLES_OF or not chosen:
        raise HTTPException(422, "action: choose what is to be done, and at least one thing that waits")
    require_role(form.session, ROLES_OF[action])
    items = (await fleet.inbox(Filter(), "", "", Slice(limit=MOST_WAITING), clients)).items
    wanted = [each for each in items if key_of_item(each) in chosen]
    if form.text("confirmed") != "yes":
        return render_page(
            request,
            "inbox-confirm.html",
            title=f"{action.capitalize()} {len(wanted)}",
            action=action,
            items=wanted,
            gone=len(chosen) - len(wanted),
            until=f"{clients.now() + timedelta(days=30):%Y-%m-%d}",
        )
    failed = [(each, why) for each in wanted if (why := await _answered(action, each, form, clients))]
    if failed:
        return render_page(
            request, "inbox-failed.html", title="Not all was done", failed=failed, done=len(wanted) - len(failed)
        )
    return see("/inbox")


async def _answered(action: str, item: InboxItem, form: PersonsForm, clients: Clients) -> str:
    """Why *item* could not be answered; empty where it was."""
    said = {"reason": form.text("reason"), "owner": form.text("owner"), "until": until_of(form)}
    try:
        match action:
            case "approve":
                wish = wish_of(ApprovalRequest, {"plan": item.plan, **said})
                await on_request.approve(item.tenant_id, item.control, wish, form.requester, clients)
            case "declare":
                declared = wish_of(DeclarationRequest, said)
                await findings.declare(item.tenant_id, item.finding, declared, form.session.name, clients)
            case "remove":
                removal = RemovalRequest(reason=form.text("reason"))
                await findings.remove(item.tenant_id, item.finding, removal, form.requester, clients)
            case _:
                await fleet.forget_parked(item.name, item.finding, form.session.name, clients)
    except RequestError as no:
        return str(no)
    return ""
