"""The door for deliveries of ticket systems: their signature lets them in, and no answer says why one was refused."""

import logging
from collections.abc import Mapping

from azure.core.exceptions import AzureError
from fastapi import APIRouter, Request, Response

from handlers.api.routing import Neighbours
from handlers.tickets import webhooks
from handlers.tickets.webhooks import Received

log = logging.getLogger("holdfast.webhooks")

COME_AGAIN_S = "5"

_STATUS: Mapping[Received, int] = {
    "queued": 202,
    "malformed": 400,
    "unsigned": 401,
    "unknown": 404,
    "too large": 413,
    "later": 429,  # ConnectWise comes again after this, and after no 5xx
}

# Not strict: some systems add query parameters of their own, and the bytes are signed as they are.
router = APIRouter()


@router.post("/webhooks/psa/{provider}", include_in_schema=False)
async def post_webhook(provider: str, request: Request, clients: Neighbours) -> Response:
    """Receive one delivery."""
    try:
        received = await webhooks.receive(provider, await request.body(), dict(request.headers), clients)
    except AzureError as error:
        log.error("webhook provider=%s queue unavailable error=%s", provider[:20], type(error).__name__)  # noqa: TRY400
        received = "later"
    headers = {"Retry-After": COME_AGAIN_S} if received == "later" else None
    return Response(status_code=_STATUS[received], headers=headers)
