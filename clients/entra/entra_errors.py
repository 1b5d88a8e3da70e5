"""The errors of Entra when it gives no token, and which of them a person must act on.

Source: docs/reference/entra.md#sign-in-errors; Microsoft Learn, "Microsoft Entra authentication and
authorization error codes".
"""

import re
from collections.abc import Mapping

from clients.errors import ClientError, CredentialRefused, TenantGone, Throttled, Unauthorised, Unreadable

BEING_CREATED = "AADSTS650051"
"""The service principal is still being made; Entra asks for about half a minute."""
BEING_CREATED_WAIT_S = 30.0

_NOT_CONSENTED = "Have an administrator of the tenant consent to the application: {consent_url}"
_REMEDIES = {
    "AADSTS700016": _NOT_CONSENTED,
    "AADSTS65001": _NOT_CONSENTED,
    "AADSTS7000215": "Set HOLDFAST_CLIENT_SECRET to the value (not the id) of a secret of the application.",
    "AADSTS7000222": "Make a new secret or certificate for the application: the one in use has expired.",
    "AADSTS700027": "Upload the certificate in HOLDFAST_CLIENT_CERTIFICATE to the application registration.",
    "AADSTS700023": "Set HOLDFAST_CLOUD to the tenant's cloud: the credential is made out for another one.",
    "AADSTS700236": (
        "Put the federated credential on the multi-tenant application in its home tenant; customers hold only its"
        " service principal."
    ),
    "AADSTS5000224": "Disable the tenant here: Entra says that it was deleted or is not available.",
    "AADSTS90002": "Correct the tenant id, or HOLDFAST_CLOUD: this cloud knows no such tenant.",
}

_CREDENTIAL = frozenset({"AADSTS7000215", "AADSTS7000222", "AADSTS700027", "AADSTS700023", "AADSTS700236"})
_GONE = frozenset({"AADSTS5000224", "AADSTS90002"})


def entra_error(result: Mapping[str, object], consent_url: str) -> ClientError:
    """The error for a token answer without a token (RFC 6749, section 5.2, with Entra's `error_description`)."""
    description = str(result.get("error_description") or result.get("error") or "")
    if not description:
        return Unreadable("Entra answered with neither a token nor an error")
    found = re.search(r"AADSTS\d+", description)
    code = found[0] if found else ""
    if code == BEING_CREATED:
        return Throttled(description, retry_after_s=BEING_CREATED_WAIT_S)
    remedy = _REMEDIES.get(code, "").format(consent_url=consent_url)
    kind = CredentialRefused if code in _CREDENTIAL else TenantGone if code in _GONE else Unauthorised
    return kind(f"Entra gave no token: {description}", remedy=remedy, kind=code)
