"""How the host hands a queue message to a function.

Source: docs/reference/azure-functions.md#what-the-host-sends.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Literal

from azure.storage.queue import QueueMessage

from devhost.runtime import Message, typed


def body(content: str, encoding: Literal["base64", "none"]) -> Message:
    """Decode the *content* of a message: text as text, anything else as bytes.

    Raises:
        ValueError: It should be Base64 and is not.
    """
    if encoding == "none":
        return typed(string=content)
    decoded = base64.b64decode(content, validate=True)
    try:
        return typed(string=decoded.decode())
    except UnicodeDecodeError:
        return typed(bytes=decoded)


def metadata(message: QueueMessage, queue: str) -> dict[str, Message]:
    """Give the trigger metadata that goes with *message* of *queue*."""
    return {
        "QueueTrigger": typed(string=queue),
        "Id": typed(string=message.id),
        "PopReceipt": typed(string=message.pop_receipt),
        "DequeueCount": typed(json=json.dumps(message.dequeue_count)),
        "InsertionTime": _moment(message.inserted_on),
        "ExpirationTime": _moment(message.expires_on),
        "NextVisibleTime": _moment(message.next_visible_on),
    }


def by_hand(text: str) -> QueueMessage:
    """Make a message that was never in a queue, for a function fired by a person."""
    now = datetime.now(UTC)
    return QueueMessage(
        text, id="", pop_receipt="", dequeue_count=1, inserted_on=now, expires_on=now, next_visible_on=now
    )


def _moment(value: datetime | None) -> Message:
    return typed(json=json.dumps(value.isoformat() if value else None))
