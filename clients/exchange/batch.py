"""`$batch`: up to ten reads of one tenant in one request, each with an ending of its own.

Source: docs/reference/exchange.md#batch.
"""

import json
from collections.abc import Mapping, Sequence

import httpx

from clients.errors import Call, ClientError, Forbidden, Unauthorised, Unreadable
from clients.exchange.cmdlet_errors import raise_for_cmdlet
from clients.exchange.invoke_command import Command, Page, common_headers, encoded, page_of
from clients.http import Answer, Intent, Request

MOST_ITEMS = 10
"""Microsoft's module and CIPP stop here; what eleven would do is unknown."""

# Without it, OData stops at the first item that fails.
_CONTINUE = "odata.continue-on-error"


def batch_request(commands: Sequence[Command], base: str, token: str) -> Request:
    """Every command of one tenant as an item whose id is its position."""
    target = commands[0].target
    items = [_item(str(index), command, target.url(base), token) for index, command in enumerate(commands)]
    headers = common_headers(target, token) | {"Prefer": _CONTINUE}
    return Request(
        "POST", target.url(base, "$batch"), Intent.READ, headers, encoded({"requests": items}), target.service
    )


def _item(item_id: str, command: Command, url: str, token: str) -> Mapping[str, object]:
    # Whether an item inherits the outer headers is unknown, so each carries its own.
    headers = command.headers(token) | {"Prefer": f"odata.maxpagesize=1000;{_CONTINUE}"}
    return {"id": item_id, "method": "POST", "url": url, "headers": headers, "body": command.body}


def read_batch(commands: Sequence[Command], answer: Answer) -> list[Page | ClientError]:
    """How each command ended, in their order: its first page, or the error.

    Raises:
        ClientError: The batch itself failed.
        Unauthorised, Forbidden: Every item failed so: it is the caller, and asking one by one would change nothing.
    """
    raise_for_cmdlet(answer, commands[0].caller)
    items = _items_by_id(answer)
    endings = [_ending(command, items.get(str(index)), answer) for index, command in enumerate(commands)]
    for refusal in (Unauthorised, Forbidden):
        refusals = [ending for ending in endings if isinstance(ending, refusal)]
        if len(refusals) == len(commands):
            raise refusals[0]
    return endings


def _items_by_id(answer: Answer) -> Mapping[str, Mapping[str, object] | None]:
    """The items by id, since the service promises no order; None for an id that came twice."""
    body = answer.json()
    responses = body.get("responses") if isinstance(body, dict) else None
    if not isinstance(responses, list):
        raise Unreadable("a batch answer without a list of `responses`", call=answer.call)
    items: dict[str, Mapping[str, object] | None] = {}
    for item in responses:
        if isinstance(item, dict):
            item_id = str(item.get("id"))
            items[item_id] = None if item_id in items else item
    return items


def _ending(command: Command, item: Mapping[str, object] | None, answer: Answer) -> Page | ClientError:
    if item is None:
        return Unreadable("a batch answer without one clear item for this cmdlet", call=answer.call)
    try:
        return _page(command, item, answer)
    except ClientError as error:
        return error


def _page(command: Command, item: Mapping[str, object], answer: Answer) -> Page:
    status, body = item.get("status"), item.get("body")
    if type(status) is not int:
        raise Unreadable("a batch item without a status", call=answer.call)
    call = Call("POST", answer.call.path, status, answer.call.request_id)
    if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110, section 15.3
        content = body if isinstance(body, str) else json.dumps(body)
        headers = headers_of(item.get("headers"))
        raise_for_cmdlet(
            Answer(call, status, Intent.READ, headers, content.encode(errors="replace"), answer.at), command.caller
        )
    return page_of(body, call, answer.at)


def headers_of(value: object) -> httpx.Headers:
    """The headers of an item, whatever it came with."""
    pairs = value.items() if isinstance(value, dict) else ()
    return httpx.Headers([(name.encode(errors="replace"), str(text).encode(errors="replace")) for name, text in pairs])
