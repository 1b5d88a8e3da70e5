"""The OpenAPI document for people: Swagger UI from its package, in one page, so that no third party sees who reads it.

One page, because a browser sends the key only with the page that was asked for, not with the files that it loads.
"""

import json
from pathlib import Path
from typing import Any

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


def page(document: dict[str, Any]) -> str:
    """*document* as an HTML page."""
    # Imported where it is used: its files are large, and read by people only.
    from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # noqa: PLC0415

    files = Path(swagger_ui_path)
    return _PAGE.format(
        style=(files / "swagger-ui.css").read_text("utf-8").replace("</style", "<\\/style"),
        script=(files / "swagger-ui-bundle.js").read_text("utf-8").replace("</script", "<\\/script"),
        document=json.dumps(document).replace("<", "\\u003c"),
    )
