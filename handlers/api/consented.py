"""The page on which a customer's administrator lands who has consented, or has not: it says so, and nothing else.

Entra sends the browser here with its word in the query (docs/reference/entra.md#consent). Nobody signed that, so
nothing is done for it: readiness asks the tenant itself.
"""

import re

from fastapi.responses import HTMLResponse

from handlers.api.access import CONSENTED
from handlers.api.routing import PREFIX, router_of

router = router_of("consented")

_HEADERS = {"Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"}
_CODE = re.compile(r"[a-z_]{1,64}")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Holdfast</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


@router.get(CONSENTED.removeprefix(PREFIX), response_class=HTMLResponse, include_in_schema=False)
async def consented(  # noqa: PLR0913, PLR0917 - what Entra sends along
    admin_consent: str = "",
    tenant: str = "",  # noqa: ARG001 - taken, not believed
    state: str = "",  # noqa: ARG001
    scope: str = "",  # noqa: ARG001
    error: str = "",
    error_description: str = "",  # noqa: ARG001 - foreign text does not speak in our name
    error_subcode: str = "",  # noqa: ARG001
) -> HTMLResponse:
    """What became of the consent, for a person."""
    if not error and admin_consent.lower() == "true":
        text = "Consent is given. You can close this page: whoever looks after your mail goes on from here."
        return HTMLResponse(_PAGE.format(title="Done", text=text), headers=_HEADERS)
    why = f" Microsoft says: {error}." if _CODE.fullmatch(error) else ""
    text = f"No consent was given.{why} Open the link again, or ask who sent it to you."
    return HTMLResponse(_PAGE.format(title="Not done", text=text), headers=_HEADERS)
