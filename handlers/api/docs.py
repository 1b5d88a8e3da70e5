"""The OpenAPI document, and for people as a page: Swagger UI from its package, nothing from a third party.

One page, because a browser sends the key only with the page that was asked for, not with the files that it loads.
"""

import json
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from handlers.api.access import as_role
from handlers.api.routing import router_of

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: nothing is loaded from anywhere, and requests go to this service only."""

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Holdfast API</title>
<style>{style}</style></head>
<body><div id="api"></div>
<script>{script}</script>
<script>SwaggerUIBundle({{"spec": {document}, "dom_id": "#api", "deepLinking": false, "validatorUrl": null}});</script>
</body></html>
"""

router = router_of("docs")


@router.get("/openapi.json", **as_role("Reader"))
async def get_openapi(request: Request) -> dict[str, Any]:
    """This document."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/docs", response_class=HTMLResponse, **as_role("Reader"))
async def get_docs(request: Request) -> HTMLResponse:
    """This document, for people."""
    return HTMLResponse(_page(request.app.openapi()), headers={"Content-Security-Policy": POLICY})


def _page(document: dict[str, Any]) -> str:
    # Imported where it is used: its files are large, and read by people only.
    from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # noqa: PLC0415

    files = Path(swagger_ui_path)
    return _PAGE.format(
        style=(files / "swagger-ui.css").read_text("utf-8").replace("</style", "<\\/style"),
        script=(files / "swagger-ui-bundle.js").read_text("utf-8").replace("</script", "<\\/script"),
        document=json.dumps(document).replace("<", "\\u003c"),
    )
