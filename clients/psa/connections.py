"""What each PSA's setting holds: one JSON object, so that one Key Vault secret is one connection.

Source: docs/reference/psa.md#connectwise-api, #autotask-api, #halopsa-api, #one-shape-for-three-systems.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from clients.settings_part import SettingsPart
from clients.urls import Url
from domain.psa.desk import Desk, Id

type Secret = Annotated[SecretStr, Field(min_length=1)]

CLOUD = ".myconnectwise.net"
SHORTEST_SECRET = 16
"""Characters that make a webhook secret long enough not to be guessed."""


def _long(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"should have at least {SHORTEST_SECRET} characters")
    return secret


def _whsec(secret: SecretStr) -> SecretStr:
    """Standard Webhooks: `whsec_` and the Base64 of 24 to 64 bytes (docs/reference/psa.md#standard-webhooks)."""
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:  # noqa: PLR2004 - the specification's bounds
        raise ValueError("should be whsec_ and the Base64 of 24 to 64 bytes")
    return secret


type WebhookSecrets = Annotated[tuple[Annotated[SecretStr, AfterValidator(_long)], ...], Field(min_length=1)]
"""Several while one is exchanged for another."""


def secret_texts(secrets: Iterable[SecretStr]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]


class _Connection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _System(_Connection):
    """A ticket system. *own_company*: the MSP's own company there, which has the tickets about the service itself."""

    own_company: Id = ""
    desk: Desk = Desk()


class ConnectWiseConnection(_System):
    """ConnectWise PSA. *product_instance*: the `ProductInstanceId` of its callbacks, which pins them to this system.

    *key_hosts*: hosts (with their port, where it is not 443) that may serve signing keys; by default the site's own
    and, in ConnectWise's cloud, its `api-` twin.
    """

    site: Url
    company: Annotated[str, Field(min_length=1)]
    public_key: Secret
    private_key: Secret
    client_id: Secret
    product_instance: Annotated[str, Field(min_length=1)]
    key_hosts: tuple[str, ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        own = urlsplit(self.site).netloc.lower()
        # Elsewhere the host of that name may be somebody else's.
        twins = {own.removeprefix("api-"), f"api-{own.removeprefix('api-')}"} if own.endswith(CLOUD) else set()
        return frozenset(self.key_hosts) or frozenset({own, *twins})


class AutotaskConnection(_System):
    """Autotask PSA. *zone_url*: where the zone is asked for. *note_type*: a picklist value of this database."""

    user: Annotated[str, Field(min_length=1)]
    secret: Secret
    integration_code: Secret
    webhook_secrets: WebhookSecrets
    zone_url: Url = "https://webservices.autotask.net"
    note_type: Id = "1"


class HaloPsaConnection(_System):
    """HaloPSA. *auth_url*, *tenant*: asked of the system itself where they are not given.

    *webhook_secrets*: `user:password` for Basic, anything else is a Bearer token. *outcome*: of an internal note.
    """

    url: Url
    auth_url: Url | None = None
    tenant: str | None = None
    client_id: Secret
    client_secret: Secret
    webhook_secrets: WebhookSecrets
    outcome: Id = "7"


class StandardConnection(_Connection):
    """Anything that signs as Standard Webhooks has it. It has no tickets that could be read or written."""

    secrets: Annotated[tuple[Annotated[SecretStr, AfterValidator(_whsec)], ...], Field(min_length=1)]


def _json(text: object) -> object:
    """Raises ValueError, also for `null`: a setting that is there is a connection that somebody means to have."""
    if not isinstance(text, str):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not (found and isinstance(found, dict)):
        raise ValueError("should be a JSON object")
    return found


type Json[T] = Annotated[T | None, BeforeValidator(_json)]


def _connection() -> Any:  # noqa: ANN401 - as Field has it
    return Field(None, description="a JSON object as docs/psa.md has it", repr=False)


class PsaSettings(SettingsPart):
    """The connections, each a JSON object in its own setting: HOLDFAST_PSA_HALOPSA."""

    psa_connectwise: Json[ConnectWiseConnection] = _connection()
    psa_autotask: Json[AutotaskConnection] = _connection()
    psa_halopsa: Json[HaloPsaConnection] = _connection()
    psa_standard: Json[StandardConnection] = _connection()
