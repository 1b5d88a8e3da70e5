"""Events out: CloudEvents 1.0 in structured mode, signed as Standard Webhooks, to the one URL of HOLDFAST_EVENTS.

Source: CloudEvents 1.0.2, HTTP protocol binding; Standard Webhooks, "Verifying webhook authenticity".
"""

from datetime import datetime

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from clients.errors import Unreachable
from clients.urls import LOOPBACK
from domain.events import CloudEvent

_TIMEOUT_S = 15.0
EVENTS: TypeAdapter[CloudEvent] = TypeAdapter(CloudEvent)


class EventsTarget(BaseModel):
    """Where events go, and the secret that they are signed with: `whsec_` and Base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    secret: str = Field(pattern=r"^whsec_[A-Za-z0-9+/]{32,}={0,2}$", repr=False)

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = httpx.URL(url)
        on_this_machine = parts.scheme == "http" and parts.host in LOOPBACK
        if parts.scheme != "https" and not on_this_machine:
            raise ValueError("url should be https")
        return url


async def send_event(target: EventsTarget, event: CloudEvent, web: httpx.AsyncClient, now: datetime) -> None:
    """Send one event; the receiver has taken it once it answers 2xx. No redirect is followed.

    Raises:
        Unreachable: It did not answer, or not so: it may have taken it.
    """
    # Only where it is used: its import costs a good part of what importing the app may cost.
    from standardwebhooks import Webhook  # noqa: PLC0415

    body = EVENTS.dump_json(event).decode()
    signed = int(now.timestamp())
    headers = {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "webhook-id": event.id,
        "webhook-timestamp": str(signed),
        "webhook-signature": Webhook(target.secret).sign(event.id, now.replace(microsecond=0), body),
    }
    try:
        answer = await web.post(target.url, content=body, headers=headers, timeout=_TIMEOUT_S, follow_redirects=False)
    except httpx.HTTPError as error:
        raise Unreachable(f"the receiver of events: {type(error).__name__}", sent=True) from None
    if not answer.is_success:
        raise Unreachable(f"the receiver of events answered {answer.status_code}", sent=True)
