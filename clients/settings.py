"""The environment, read in one place. README.md explains each setting."""

import hmac
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Annotated, Any, Self, get_args
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from clients.account import Account
from clients.caller_settings import CallerSettings
from clients.entra.clouds import Cloud
from clients.entra.credentials import Certificate
from clients.entra.vault_key import vault_service
from clients.notify.channels import SETTING_PREFIX, Unsendable
from clients.psa.connections import PsaSettings
from clients.reporting import ReportingSettings
from clients.urls import Url
from domain.access import ApiKey
from domain.dns_hosts import SECRET_PREFIX, Guid
from domain.gate import radius_limit
from domain.jobs import LARGEST_SHARD
from domain.psa.desk import TicketSystem
from ncrontab import Ncrontab


def _schedule(text: str) -> str:
    """Raise ValueError for what the platform does not take, and for its form without seconds."""
    if len(text.split()) != _SCHEDULE_FIELDS:
        raise ValueError("should be an NCRONTAB of six fields")
    Ncrontab(text)
    return text


_SCHEDULE_FIELDS = 6


def _servers(text: object) -> tuple[tuple[str, int], ...]:
    """Each address of each server, for a resolver takes no names."""
    parts = (part.strip() for part in str(text).split(","))
    return tuple(dict.fromkeys(address for part in parts if part for address in _addresses(part)))


def _addresses(server: str) -> list[tuple[str, int]]:
    host, _, port = server.rpartition(":")
    if not host or not 0 < int(port) <= _LAST_PORT:
        raise ValueError("should be host:port, comma separated")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise ValueError("should be a host that can be found") from None
    return [(str(address[0]), int(port)) for *_, address in found]


_LAST_PORT = 65535


def _pem(text: str) -> str:
    Certificate(text)
    return text


def _vault_key(url: str) -> str:
    vault_service(url)
    return url


type Schedule = Annotated[str, AfterValidator(_schedule)]
type Servers = Annotated[tuple[tuple[str, int], ...], BeforeValidator(_servers)]
type VaultKeyUrl = Annotated[str, AfterValidator(_vault_key)]
type Pem = Annotated[str, AfterValidator(_pem)]


def _names_are_unique(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
    """The ledger tells keys apart by their names, of which `dev` is HOLDFAST_DEV_KEY's."""
    names = ["dev", *(key.name for key in keys)]
    if len(set(names)) < len(names):
        raise ValueError("each name should be given once, and dev is the key in HOLDFAST_DEV_KEY")
    return keys


def _tenants_by_secret(text: object) -> object:
    given = json.loads(str(text))
    if not isinstance(given, dict) or not all(isinstance(tenants, list) for tenants in given.values()):
        raise ValueError("not lists by name")
    return {str(name): frozenset(str(UUID(str(each))) for each in tenants) for name, tenants in given.items()}


type DnsTenants = Annotated[dict[str, frozenset[str]] | None, BeforeValidator(_tenants_by_secret)]
type Keys = Annotated[
    tuple[ApiKey, ...], BeforeValidator(lambda text: json.loads(str(text))), AfterValidator(_names_are_unique)
]


def _secret_texts(value: object) -> Iterator[str]:
    """The secrets in a hidden field; of those that have parts (`user:password`, `AccountKey=...`, a PEM), these too."""
    match value:
        case str():
            yield value
            yield from (line for line in value.splitlines() if len(line) >= _PEM_LINE and not line.startswith("-"))
            yield from (found[1] for found in re.finditer(_IN_CONNECTION, value))
        case SecretStr():
            text = value.get_secret_value()
            yield from (text, text.partition(":")[2])
        case BaseModel():
            for name in type(value).model_fields:
                part = getattr(value, name)
                yield from () if isinstance(part, str) else _secret_texts(part)
        case tuple() | list():
            for part in value:
                yield from () if isinstance(part, str) else _secret_texts(part)
        case dict():
            for part in value.values():
                yield from _secret_texts(part)
        case _:
            pass


_PEM_LINE = 60
_IN_CONNECTION = r"(?i)(?:AccountKey|SharedAccessSignature)=([^;]+)"


SHORTEST_MARK_SECRET = 32


class SettingsError(Exception):
    """A setting is missing or malformed; *str()* is one line that names it and says what it should be."""


class Settings(Account, PsaSettings, ReportingSettings, CallerSettings):
    """One field per setting: HOLDFAST_ and its name, or its alias. The description says what it should be."""

    client_id: Guid = Field(description="the GUID of the multi-tenant app registration")
    client_certificate: Pem = Field(
        "", description="a PEM with a certificate and its unencrypted RSA private key", repr=False
    )
    client_key: VaultKeyUrl = Field(
        "", description="the https URL of a key in the vault, .../keys/NAME, that only signs"
    )
    client_secret: str = Field("", description="the app's client secret", repr=False)
    client_secret_ends: date | None = Field(None, description="the day on which the client secret ends, YYYY-MM-DD")
    managed_identity_client_id: str = Field("", description="the client id of the federated managed identity")
    cloud: Cloud = Field("global", description="one of global, gcchigh, dod, china")
    login_url: Url | None = Field(None, description="an https URL")
    exchange_url: Url | None = Field(None, description="an https URL")
    compliance_url: Url | None = Field(None, description="an https URL")
    graph_url: Url | None = Field(None, description="an https URL")
    activity_url: Url | None = Field(None, description="an https URL")
    dns_servers: Servers = Field((), description="host:port, comma separated, of hosts that can be found")
    tick_schedule: Schedule = Field("0 * * * * *", description="an NCRONTAB of six fields, such as 0 * * * * *")
    shard_size: int = Field(25, ge=1, le=LARGEST_SHARD, description=f"tenants of a shard, 1 to {LARGEST_SHARD}")
    fast_schedule: Schedule = Field(description="an NCRONTAB of six fields, such as 0 */5 * * * *")
    slow_schedule: Schedule = Field(description="an NCRONTAB of six fields, such as 0 */15 * * * *")
    alerts_schedule: Schedule = Field(description="an NCRONTAB of six fields, such as 30 */5 * * * *")
    audit_schedule: Schedule = Field(description="an NCRONTAB of six fields, such as 45 */5 * * * *")
    keep_operations: int = Field(90, ge=1, description="a whole number of days, 1 or more")
    keep_written: int = Field(7, ge=1, description="a whole number of days, 1 or more")
    partner_tenant_id: Guid = Field("", description="the GUID of the MSP's own tenant, whose customers are listed")
    most_tenants_per_hour: int = Field(
        50, alias="HOLDFAST_MAX_TENANTS_PER_HOUR", ge=1, description="a whole number of tenants, 1 or more"
    )
    most_percent_per_hour: int = Field(
        25, alias="HOLDFAST_MAX_PERCENT_PER_HOUR", ge=1, le=100, description="a percentage of the fleet, 1 to 100"
    )
    psa_schedule: Schedule = Field("0 */5 * * * *", description="an NCRONTAB of six fields, such as 0 */5 * * * *")
    mark_secret: str = Field(
        "",
        min_length=SHORTEST_MARK_SECRET,
        description=f"{SHORTEST_MARK_SECRET} or more random characters, the same for good",
        repr=False,
    )

    dns_secrets: dict[str, str] = Field(
        {}, alias=f"{SECRET_PREFIX}*", description="a secret each, named in a tenant's dns", repr=False
    )
    dns_tenants: DnsTenants = Field(
        None,
        description='a JSON object {"HOLDFAST_DNS_SECRET_NAME": ["tenant id"]}: the tenants that each secret is for',
    )
    keys: Keys = Field(
        (),
        description='a JSON list of {"name", "sha256", "roles", "until"}, as `holdfast key new` prints them',
    )
    dev_key: str = Field("", description="the key named dev, with every role", repr=False)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Raise ValueError where settings only make sense together."""
        if not (self.storage or self.storage_account or (self.blob_url and self.queue_url and self.table_url)):
            raise ValueError("AzureWebJobsStorage: is missing; it should be a storage connection string")
        credentials = [self.client_certificate, self.client_key, self.client_secret, self.managed_identity_client_id]
        if sum(map(bool, credentials)) != 1:
            raise ValueError(
                "HOLDFAST_CLIENT_CERTIFICATE, HOLDFAST_CLIENT_SECRET, HOLDFAST_MANAGED_IDENTITY_CLIENT_ID, "
                "HOLDFAST_CLIENT_KEY: exactly one of them should be set"
            )
        try:
            self.channels()
        except Unsendable as fault:
            raise ValueError(str(fault)) from None
        self._refuse_slow_tick()
        return self

    def _refuse_slow_tick(self) -> None:
        """Raise ValueError for a look that would be due more often than the tick comes round."""
        now = datetime.now(UTC)
        tick = Ncrontab(self.tick_schedule).interval(now)
        for name in ("fast_schedule", "slow_schedule", "alerts_schedule", "audit_schedule", "psa_schedule"):
            every = Ncrontab(getattr(self, name)).interval(now)
            if every is not None and (tick is None or every < tick):
                raise ValueError(
                    f"HOLDFAST_{name.upper()}: is faster than HOLDFAST_TICK_SCHEDULE; it should be due at most as often"
                )

    def radius_limit(self, fleet: int) -> int:
        """How many tenants of *fleet* may get steps of one kind within the blast radius's hour."""
        return radius_limit(fleet, most_tenants=self.most_tenants_per_hour, most_percent=self.most_percent_per_hour)

    def api_keys(self) -> tuple[ApiKey, ...]:
        """Every key that lets a caller in."""
        if not self.dev_key:
            return self.keys
        return (*self.keys, ApiKey(name="dev", sha256=sha256(self.dev_key.encode()).hexdigest(), roles=("Admin",)))

    def shown(self) -> dict[str, Any]:
        """Every setting by its name, as JSON; of a secret only whether it is set."""
        values = self.model_dump(mode="json", by_alias=True)
        secret = {field.alias for field in Settings.model_fields.values() if not field.repr}
        return {name: bool(value) if name in secret else value for name, value in values.items()}

    def mark_key(self) -> bytes:
        """The key of our marks on tickets: its setting, or what only the ticket systems' own credentials make.

        Made from credentials it changes with them: tickets that are open then are known by their numbers still.
        """
        credentials = (getattr(self, f"psa_{system}") for system in get_args(TicketSystem))
        texts = sorted(text for connection in credentials for text in _secret_texts(connection))
        return self.mark_secret.encode() or hmac.digest("\0".join(texts).encode(), b"marks", "sha256")

    def secrets(self) -> frozenset[str]:
        """Every text of these settings that must be in no line: the fields that are not shown, and what is in them."""
        hidden = (getattr(self, name) for name, field in type(self).model_fields.items() if not field.repr)
        channels = (text for channel in self.channels().by_name.values() for text in channel.secrets())
        return frozenset([*(text for value in hidden for text in _secret_texts(value)), *channels])

    def tenants_by_dns_secret(self) -> dict[str, frozenset[str]] | None:
        """The tenants that each DNS secret is for: of one that is not listed, none.

        None: every secret is for all, which holds where no list is given and storage is an emulator on this machine.
        """
        return None if self.dns_tenants is None and self.is_emulated() else self.dns_tenants or {}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from *environ* (the process's own where None).

    Raises:
        SettingsError: One line that names the setting and says what it should be. Values are never repeated.
    """
    given = os.environ if environ is None else environ
    source: dict[str, Any] = {key: value for key, value in given.items() if value}
    names = {field.alias for field in Settings.model_fields.values()}
    for prefix in (SECRET_PREFIX, SETTING_PREFIX):
        source[f"{prefix}*"] = {key: value for key, value in source.items() if key.startswith(prefix)}
    try:
        return Settings.model_validate({key: value for key, value in source.items() if key in names})
    except ValidationError as error:
        raise SettingsError(_line(error)) from None


def _line(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    if not fault["loc"]:
        return fault["msg"].removeprefix("Value error, ")
    name = str(fault["loc"][0])
    what = next(field.description for field in Settings.model_fields.values() if field.alias == name)
    if inside := ".".join(map(str, fault["loc"][1:])):
        return f"{name}: {inside}: {fault['msg'].removeprefix('Value error, ')}; it should be {what}"
    return f"{name}: is {'missing' if fault['type'] == 'missing' else 'malformed'}; it should be {what}"
