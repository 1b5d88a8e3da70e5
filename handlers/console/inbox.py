"""Answers to many things at once: chosen in the inbox, listed, confirmed once."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import HTTPException, Request, Response

from clients.connect import Clients
from domain.access import Role
from domain.errors import RequestError
from domain.fleet_lists import Filter, WaitKind
from domain.operations import Operation
from handlers import findings, inbox, on_request
from handlers.api.routing import Neighbours
from handlers.console.actions import until_of, wish_of
from handlers.console.web import PersonsForm, SentForm, render_page, require_role, router
from handlers.findings import DeclarationRequest, RemovalRequest
from handlers.inbox import InboxItem
from handlers.lists import Slice
from handlers.on_request import ApprovalRequest

answers = router()

MOST_WAITING = 10_000
"""Things that wait, of which some may be chosen."""

ANSWERS: dict[str, tuple[Role, frozenset[WaitKind]]] = {
    "approve": ("Approver", frozenset({"approval", "lock not proven"})),
    "declare": ("Approver", frozenset({"finding", "rehearsal"})),
    "remove": ("Approver", frozenset({"finding", "rehearsal"})),
    "seen": ("Operator", frozenset({"parked"})),
}
"""What may be done to many: the role that it needs, and what it answers; whatever else is chosen is left as it is."""


def key_of_item(item: InboxItem) -> str:
    """What a form names an item by: with what the person saw of it, so that another plan is another item."""
    return f"{item.kind}|{item.tenant_id}|{item.control}|{item.plan}|{item.finding}"


@answers.post("/inbox")
async def answer_many(request: Request, form: SentForm, clients: Neighbours) -> Response:
    """Show what was chosen in the inbox; once confirmed, answer each of them alike."""
    action, chosen = form.text("action"), form.all("item")
    if action not in ANSWERS or not chosen:
        raise HTTPException(422, "action: choose what is to be done, and at least one thing that waits")
    role, kinds = ANSWERS[action]
    require_role(form.session, role)
    items = (await inbox.inbox(Filter(), "", "", Slice(limit=MOST_WAITING), clients)).items
    waiting = [each for each in items if key_of_item(each) in chosen]
    wanted = [each for each in waiting if each.kind in kinds]
    if form.text("confirmed") != "yes":
        return render_page(
            request,
            "inbox-confirm.html",
            title=f"{action.capitalize()} {len(wanted)}",
            action=action,
            items=wanted,
            gone=len(chosen) - len(waiting),
            others=len(waiting) - len(wanted),
            until=f"{clients.now() + timedelta(days=30):%Y-%m-%d}",
        )
    answered = [await _answer(action, each, form, clients) for each in wanted]
    return render_page(
        request,
        "inbox-answered.html",
        title="Answered" if all(each.refusal == "" for each in answered) else "Not all was done",
        done=[each for each in answered if not each.refusal],
        refused=[each for each in answered if each.refusal],
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of an answer. *operation*: what does it, where something is written; *refusal*: why it is none."""

    item: InboxItem
    operation: Operation | None = None
    refusal: str = ""


async def _answer(action: str, item: InboxItem, form: PersonsForm, clients: Clients) -> Reply:
    said = {"reason": form.text("reason"), "owner": form.text("owner"), "until": until_of(form)}
    operation = None
    try:
        match action:
            case "approve":
                wish = wish_of(ApprovalRequest, {"plan": item.plan, **said})
                operation = await on_request.approve(item.tenant_id, item.control, wish, form.requester, clients)
            case "declare":
                declared = wish_of(DeclarationRequest, said)
                await findings.declare(item.tenant_id, item.finding, declared, form.session.name, clients)
            case "remove":
                removal = RemovalRequest(reason=form.text("reason"))
                operation = await findings.remove(item.tenant_id, item.finding, removal, form.requester, clients)
            case _:
                await inbox.forget_parked(item.name, item.finding, form.session.name, clients)
    except RequestError as no:
        return Reply(item, refusal=str(no))
    return Reply(item, operation)
