"""The token endpoint: client credentials against a customer's tenant.

Source: docs/reference/entra.md#tokens, #sign-in-errors, #federated-credentials.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

from simulator.people import MSP_TENANT
from simulator.tenant import Tenant
from simulator.wire import signing_in
from simulator.wire.http import Answer, Refused, Request, json_answer
from simulator.wire.tokens import APP_ROLE, AUDIENCES, DIRECTORY_ROLES, PERMISSIONS, RESOURCES, claims_of, sign
from simulator.world import World

FEDERATED_AUDIENCE = "api://AzureADTokenExchange"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# AADSTS number -> HTTP status, OAuth error, text. Statuses as Entra answers them; texts shortened.
_ERRORS = {
    65001: (400, "invalid_grant", "The user or administrator has not consented to use the application."),
    70011: (
        400,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter of the form resource/.default.",
    ),
    70003: (400, "unsupported_grant_type", "The app requested an unsupported grant type."),
    90002: (400, "invalid_request", "Tenant not found. Check to make sure you have the correct tenant ID."),
    500011: (400, "invalid_resource", "The resource principal was not found in the tenant."),
    650051: (400, "invalid_client", "The service principal is being created. Please retry in a few seconds."),
    700016: (400, "unauthorized_client", "Application was not found in the directory."),
    700023: (401, "invalid_client", "Client assertion audience claim does not match Realm issuer."),
    700236: (
        400,
        "invalid_request",
        "Tokens issued by issuer may not be used for federated identity credential flows.",
    ),
    5000224: (400, "invalid_request", "We are sorry, this resource is not available."),
    7000215: (401, "invalid_client", "Invalid client secret provided."),
    7000216: (401, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required."),
}


def answer(world: World, request: Request) -> Answer:
    """Discovery and tokens; anything else is 404."""
    name, _, rest = request.path.lstrip("/").partition("/")
    if name == MSP_TENANT and (signed_in := signing_in.answer(world, request, rest)):
        return signed_in
    match request.method, rest:
        case "GET", "v2.0/.well-known/openid-configuration":
            return _discovery(world, request, name)
        case "POST", "oauth2/v2.0/token":
            return _token(world, request, name)
        case "GET", "discovery/instance":
            return _instance(request)
        case _:
            return Answer(404)


def _discovery(world: World, request: Request, name: str) -> Answer:
    tenant = world.tenant(name)
    if tenant is None:
        return _error(world, 90002).answer
    realm = f"{request.base}/{tenant.tenant_id}"
    return json_answer(
        200,
        {
            "token_endpoint": f"{realm}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "jwks_uri": f"{realm}/discovery/v2.0/keys",
            "issuer": f"{realm}/v2.0",
            "authorization_endpoint": f"{realm}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{realm}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        },
    )


def _instance(request: Request) -> Answer:
    """Tells a client that has not met this authority where its tenant is described."""
    authority = request.parameters().get("authorization_endpoint", "").removesuffix("/oauth2/v2.0/authorize")
    return json_answer(
        200,
        {
            "api-version": "1.1",
            "tenant_discovery_endpoint": f"{authority}/v2.0/.well-known/openid-configuration",
            "metadata": [],
        },
    )


def _token(world: World, request: Request, name: str) -> Answer:
    form = dict(parse_qsl(request.body.decode()))
    tenant = world.tenant(name)
    if tenant is None:
        raise _error(world, 90002)
    tenant.http_requests["login"] += 1
    _check(world, tenant, form)
    resource = _resource(world, tenant, form.get("scope", ""))
    token = sign(_claims(world, tenant, resource, form.get("claims")))
    lifetime = world.token_lifetime
    return json_answer(
        200, {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
    )


def _check(world: World, tenant: Tenant, form: dict[str, str]) -> None:
    """The application is known, consented to, and is who it says.

    Raises:
        Refused: with the AADSTS error of the first thing that is wrong.
    """
    if form.get("grant_type") != "client_credentials":
        raise _error(world, 70003)
    if tenant.switches.sign_in_error is not None:
        raise _error(world, tenant.switches.sign_in_error)
    if form.get("client_id") != world.client_id or not tenant.access.consented:
        raise _error(world, 700016)
    if "client_secret" in form:
        if form["client_secret"] != world.client_secret:
            raise _error(world, 7000215)
    elif form.get("client_assertion_type") == _ASSERTION and form.get("client_assertion"):
        _check_assertion(world, tenant, form["client_assertion"])
    else:
        raise _error(world, 7000216)


def _check_assertion(world: World, tenant: Tenant, assertion: str) -> None:
    """For this tenant's token endpoint, or a managed identity's exchange token. Signatures are taken on trust."""
    claims = claims_of(assertion) or {}
    audience = str(claims.get("aud", ""))
    here = {f"{name}{path}" for name in (tenant.tenant_id, *tenant.domains) for path in ("/oauth2/v2.0/token", "/v2.0")}
    if audience != FEDERATED_AUDIENCE and not audience.endswith(tuple(here)):
        raise _error(world, 700023)


def _resource(world: World, tenant: Tenant, scope: str) -> str:
    audience = scope.removesuffix("/.default")
    if audience == scope:
        raise _error(world, 70011)
    gone = audience == AUDIENCES["compliance"] and not tenant.switches.compliance_principal
    if audience not in RESOURCES or gone:
        raise _error(world, 500011)
    return audience


def _claims(world: World, tenant: Tenant, audience: str, demanded: str | None) -> dict[str, Any]:
    """What the token says: grants as they are now, never later."""
    now = int(world.clock().timestamp())
    service = next(name for name, resource in AUDIENCES.items() if resource == audience)
    return {
        "aud": audience,
        "iss": f"https://sts.windows.net/{tenant.tenant_id}/",
        "iat": now,
        "nbf": now,
        "exp": now + world.token_lifetime,
        "appid": world.client_id,
        "idtyp": "app",
        "tid": tenant.tenant_id,
        "oid": str(tenant.starting_guid("service principal")),
        "roles": _roles(tenant, service),
        "wids": sorted(DIRECTORY_ROLES[role] for role in tenant.access.directory_roles),
        "ver": "1.0",
        "sim_serial": world.next_token(),
        "sim_claims": _answered(demanded),
    }


def _roles(tenant: Tenant, service: str) -> list[str]:
    if service in PERMISSIONS:
        return sorted(tenant.access.permissions & PERMISSIONS[service])
    return [APP_ROLE] if service in tenant.access.app_roles else []


def _answered(demanded: str | None) -> str | None:
    """The value of the claims challenge that this request answers."""
    if not demanded:
        return None
    value = json.loads(demanded).get("access_token", {}).get("nbf", {}).get("value")
    return None if value is None else str(value)


def _error(world: World, number: int) -> Refused:
    status, error, text = _ERRORS[number]
    trace, correlation = str(world.next_guid()), str(world.next_guid())
    stamp = f"{world.clock():%Y-%m-%d %H:%M:%SZ}"
    return Refused(
        json_answer(
            status,
            {
                "error": error,
                "error_description": f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation}"
                f" Timestamp: {stamp}",
                "error_codes": [number],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={number}",
            },
        )
    )
