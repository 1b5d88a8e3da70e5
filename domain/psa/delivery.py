"""Which tickets a webhook's body names. Only a hint: the service reads each ticket before it acts.

Source: docs/reference/psa.md#webhooks-are-hints, #connectwise-callbacks, #autotask-webhooks, #halopsa-webhooks.
"""

import re
from dataclasses import dataclass
from typing import Any, assert_never
from urllib.parse import parse_qsl, urlsplit

from domain.nesting import parse_json
from domain.psa.desk import Action, TicketSystem

_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
"""What an id from outside looks like, in whichever system."""


class BadBody(ValueError):  # noqa: N818 - it names the body, and the error is that there is one
    """An authentic delivery that cannot be understood: *str()* says why, without repeating it."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One ticket to look at. *by*: the PSA's id of the user who changed it, "" where the body does not say."""

    ticket_id: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What a Standard Webhooks sender asks for: it has no tickets to read (docs/reference/psa.md#standard-webhooks)."""

    action: Action
    company_id: str
    ticket_id: str = ""


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a ConnectWise body says its key is, and whom it says it comes from. Unverified.

    *company_of_key*: the login company that the key's URL names; "" where it names none, or more than one.
    """

    url: str
    company: str
    instance: str

    @property
    def company_of_key(self) -> str:
        # In any case: a server that takes the other of two, or knows no case, would give the key of another company.
        asked = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        named = [value for name, value in asked if name.lower() == "companyname"]
        return named[0] if len(named) == 1 else ""


def parsed(body: bytes) -> Any:  # noqa: ANN401 - JSON is of any type
    """The body as JSON.

    Raises:
        BadBody: It is no JSON, or is nested too deep.
    """
    try:
        return parse_json(body)
    except ValueError:
        raise BadBody("the body is not JSON") from None


def key_place(body: bytes) -> KeyPlace | None:
    """What an unverified ConnectWise body says of its key; None when it is not even of that form."""
    try:
        content = parsed(body)
    except BadBody:
        return None
    metadata = content.get("Metadata") if isinstance(content, dict) else None
    url = metadata.get("key_url") if isinstance(metadata, dict) else None
    if not isinstance(url, str):
        return None
    try:
        urlsplit(url)
    except ValueError:
        return None
    return KeyPlace(url, str(content.get("CompanyId")), str(content.get("ProductInstanceId")))


def hints(provider: TicketSystem, body: bytes) -> tuple[Hint | BadBody, ...]:
    """The tickets that a verified body is about; none where it is about something else, or about a deletion.

    An item of a batch that cannot be understood is given as its fault.

    Raises:
        BadBody: It is not JSON, or nothing in it is of the vendor's form.
    """
    content = parsed(body)
    match provider:
        case "connectwise":
            return _connectwise(_object(content))
        case "autotask":
            return _autotask({str(name).lower(): value for name, value in _object(content).items()})
        case "halopsa":
            return _batch(content) if isinstance(content, list) else (_halopsa(content),)
        case _:
            assert_never(provider)


def _connectwise(content: dict[str, Any]) -> tuple[Hint, ...]:
    if content.get("Type") != "ticket" or content.get("Action") == "deleted":
        return ()
    return (Hint(_id(content.get("ID"), "ID"), str(content.get("MemberId") or "")),)


def _autotask(content: dict[str, Any]) -> tuple[Hint, ...]:
    """Names are read in any case, as both `PersonID` and `PersonId` are seen."""
    by = str(content.get("personid") or "")
    match content.get("entitytype"):
        case "Ticket" if content.get("action") != "Delete":
            return (Hint(_id(content.get("id"), "Id"), by),)
        case "TicketNote":
            fields = {str(name).lower(): value for name, value in _object(content.get("fields")).items()}
            return (Hint(_id(fields.get("ticketid"), "Fields.TicketID"), by),)
        case _:
            return ()


def _batch(items: list[object]) -> tuple[Hint | BadBody, ...]:
    found = tuple(_halopsa_or_fault(item) for item in items)
    if not any(isinstance(each, Hint) for each in found):
        raise BadBody("nothing in the batch names a ticket")
    return found


def _halopsa_or_fault(item: object) -> Hint | BadBody:
    try:
        return _halopsa(item)
    except BadBody as bad:
        return bad


def _halopsa(item: object) -> Hint:
    """The default form, or the flat one of an MSP's own payload; a GUID in `id` is the event's."""
    content = _object(item)
    ticket = content.get("ticket")
    inside = ticket.get("id") if isinstance(ticket, dict) else None
    return Hint(_id(inside or content.get("ticket_id") or content.get("id"), "ticket.id"))


def request(body: bytes) -> WebhookRequest:
    """What a verified Standard Webhooks body asks for.

    Raises:
        BadBody: It is not JSON, or asks for nothing that we do.
    """
    content = _object(parsed(body))
    content = {**content, **content["data"]} if isinstance(content.get("data"), dict) else content
    action = content.get("action")
    if action not in ("check", "reprovision"):  # a tuple: what no set takes is refused too
        raise BadBody("action should be check or reprovision")
    company, ticket = content.get("company_id"), content.get("ticket_id")
    if not isinstance(company, str | int) or not _ID.fullmatch(str(company)):
        raise BadBody("company_id should be the id of a company")
    if ticket not in (None, "") and not (isinstance(ticket, str | int) and _ID.fullmatch(str(ticket))):
        raise BadBody("ticket_id should be the id of a ticket")
    return WebhookRequest(action, str(company), str(ticket or ""))


def _object(content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise BadBody("the body should be a JSON object")
    return content


def _id(value: object, name: str) -> str:
    """A ticket id: a positive whole number in all three systems, sometimes sent as text."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and _ID.fullmatch(text) and int(text)):
        raise BadBody(f"{name} should be the id of a ticket")
    return str(int(text))
