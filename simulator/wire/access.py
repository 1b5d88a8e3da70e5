"""Who may call: the token of a request, and whether its directory roles allow the cmdlet.

Source: docs/reference/entra.md#directory-roles, #refusals.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Literal

from simulator.cmdlets.cmdlet import Cmdlet
from simulator.cmdlets.roles import roles_of
from simulator.tenant import Tenant
from simulator.wire.http import NUL_BODY, Answer, Refused
from simulator.wire.tokens import APP_ROLE, AUDIENCES, DIRECTORY_ROLES, RESOURCES, claims_of, verified

type Service = Literal["exchange", "compliance"]
type Claims = Mapping[str, Any]

_ROLE = {template: name for name, template in DIRECTORY_ROLES.items()}
_EVERYTHING = {
    "exchange": {"Global Administrator", "Exchange Administrator"},
    "compliance": {"Global Administrator", "Compliance Administrator", "Security Administrator"},
}
_READ_ALL = {"Global Reader"}
# "partly" and "limited" of 1.3, read as: whatever was measured at Security Reader.
_READ_SOME = {"Security Reader", "Security Administrator", "Compliance Administrator"}
_CLOSED = {"InboundConnector", "OutboundConnector", "OrganizationConfig", "BlockedConnector"}


def authenticate(tenant: Tenant, service: Service, header: str | None) -> Claims:
    """The claims of a good token for this tenant and service.

    Raises:
        Refused: 401 with a challenge; 500 for garbage on compliance.
    """
    if header is None:
        raise Refused(Answer(401, headers={"WWW-Authenticate": 'Basic Realm=""'}))
    token = header.removeprefix("Bearer ")
    claims = verified(token)
    if claims is None:
        if service == "compliance" and claims_of(token) is None:
            raise Refused(Answer(500))
        raise challenge(service)
    if not _current(tenant, service, claims):
        raise challenge(service)
    if tenant.claims_demanded and claims["sim_claims"] != tenant.claims_demanded:
        raise challenge(service, _demand(tenant.claims_demanded))
    if APP_ROLE not in claims["roles"]:
        raise challenge(service)
    return claims


def _current(tenant: Tenant, service: Service, claims: Claims) -> bool:
    return bool(
        claims["aud"] == AUDIENCES[service]
        and claims["tid"] == tenant.tenant_id
        and claims["exp"] > tenant.now().timestamp()
        and claims["sim_serial"] >= tenant.tokens_valid_from
    )


def challenge(service: Service, claims: str = "") -> Refused:
    """401 with the Bearer challenge that names the service's own client id."""
    client = RESOURCES[AUDIENCES[service]]
    parts = [
        f'Bearer client_id="{client}"',
        'authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"',
    ]
    parts += ['error="insufficient_claims"', f'claims="{claims}"'] if claims else ['error="invalid_token"']
    return Refused(Answer(401, headers={"WWW-Authenticate": ", ".join(parts)}))


def _demand(value: str) -> str:
    wanted = {"access_token": {"nbf": {"essential": True, "value": value}}}
    return base64.b64encode(json.dumps(wanted).encode()).decode()


def allowed(tenant: Tenant, claims: Claims, cmdlet: Cmdlet) -> bool:
    """Whether the directory roles in the token, or a role group of Exchange's, let this cmdlet run."""
    roles = {_ROLE[template] for template in claims["wids"]}
    if roles & _EVERYTHING[cmdlet.service]:
        return True
    if cmdlet.service == "exchange" and tenant.exchange_roles & roles_of(cmdlet.name):
        return True
    if not cmdlet.name.startswith("Get-"):
        return cmdlet.kind == "TenantAllowBlockListSpoofItems" and "Security Administrator" in roles
    if roles & _READ_ALL:
        return True
    return bool(roles & _READ_SOME) and cmdlet.kind not in _CLOSED


def forbidden(tenant: Tenant) -> Answer:
    """403 as a directory role that is missing or not effective yet looks like: NUL bytes."""
    headers = {"Content-Type": "application/json"}
    if tenant.switches.nul_gzip_label:
        headers["Content-Encoding"] = "gzip"
    if tenant.switches.diagnostics:
        headers["x-ms-diagnostics"] = (
            '2000003;reason="The caller has no role that allows the cmdlet.";error_category="rbac"'
        )
    return Answer(403, NUL_BODY, headers, spoiled=True)
