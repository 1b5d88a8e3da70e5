"""The environment, read in one place. Every setting of design 8 that the service uses today."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

type Ncrontab = Annotated[str, Field(pattern=r"^\s*(\S+\s+){5}\S+\s*$")]


_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def _base_url(text: str) -> str:
    """Tokens travel there, so it is https; plain http only to this machine, where somebody's simulator may be."""
    url = urlsplit(text)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
        raise ValueError("should be an https URL")
    return text.rstrip("/")


def _server(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("should be host:port, comma separated")
    return host, int(port)


type Url = Annotated[str, AfterValidator(_base_url)]
type Guid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class SettingsError(Exception):
    """A setting is missing or malformed; *str()* is one line that names it and says what it should be."""


class Settings(BaseSettings):
    """One field per setting; the alias is its name in the environment, the description says what it should be."""

    model_config = SettingsConfigDict(frozen=True, case_sensitive=True, extra="ignore", env_ignore_empty=True)

    storage: str = Field(
        "",
        alias="AzureWebJobsStorage",
        description="a storage connection string, or set AzureWebJobsStorage__accountName",
    )
    storage_account: str = Field("", alias="AzureWebJobsStorage__accountName", description="a storage account's name")
    storage_identity: str = Field(
        "", alias="AzureWebJobsStorage__clientId", description="a managed identity's client id"
    )
    client_id: Guid = Field(alias="HOLDFAST_CLIENT_ID", description="the GUID of the multi-tenant app registration")
    client_certificate: str = Field(
        "", alias="HOLDFAST_CLIENT_CERTIFICATE", description="a PEM with certificate and private key", repr=False
    )
    client_secret: str = Field("", alias="HOLDFAST_CLIENT_SECRET", description="the app's client secret", repr=False)
    managed_identity_client_id: str = Field(
        "", alias="HOLDFAST_MANAGED_IDENTITY_CLIENT_ID", description="the client id of the federated managed identity"
    )
    cloud: Literal["global", "gcchigh", "dod", "china"] = Field(
        "global", alias="HOLDFAST_CLOUD", description="one of global, gcchigh, dod, china"
    )
    login_url: Url | None = Field(None, alias="HOLDFAST_LOGIN_URL", description="an https URL")
    exchange_url: Url | None = Field(None, alias="HOLDFAST_EXCHANGE_URL", description="an https URL")
    compliance_url: Url | None = Field(None, alias="HOLDFAST_COMPLIANCE_URL", description="an https URL")
    dns_servers: str = Field("", alias="HOLDFAST_DNS_SERVERS", description="host:port, comma separated")
    fast_schedule: Ncrontab = Field(
        alias="HOLDFAST_FAST_SCHEDULE", description="an NCRONTAB of six fields, such as 0 */5 * * * *"
    )
    slow_schedule: Ncrontab = Field(
        alias="HOLDFAST_SLOW_SCHEDULE", description="an NCRONTAB of six fields, such as 0 */15 * * * *"
    )
    most_tenants_per_hour: int = Field(
        50, alias="HOLDFAST_MAX_TENANTS_PER_HOUR", ge=1, description="a whole number of tenants, 1 or more"
    )
    most_percent_per_hour: int = Field(
        25, alias="HOLDFAST_MAX_PERCENT_PER_HOUR", ge=1, le=100, description="a percentage of the fleet, 1 to 100"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Raise ValueError where settings only make sense together."""
        if not (self.storage or self.storage_account):
            raise ValueError("AzureWebJobsStorage: is missing; it should be a storage connection string")
        proofs = [self.client_certificate, self.client_secret, self.managed_identity_client_id]
        if sum(map(bool, proofs)) != 1:
            raise ValueError(
                "HOLDFAST_CLIENT_CERTIFICATE, HOLDFAST_CLIENT_SECRET, HOLDFAST_MANAGED_IDENTITY_CLIENT_ID: "
                "exactly one of them should be set"
            )
        try:
            self.resolvers()
        except ValueError:
            raise ValueError("HOLDFAST_DNS_SERVERS: is malformed; it should be host:port, comma separated") from None
        return self

    def resolvers(self) -> tuple[tuple[str, int], ...]:
        """The DNS servers to ask instead of the machine's own, as (host, port)."""
        return tuple(_server(part) for part in self.dns_servers.split(",") if part.strip())


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from *environ* (the process's own where None).

    Raises:
        SettingsError: One line that names the setting and says what it should be. Values are never repeated.
    """
    source: dict[str, Any] = {key: value for key, value in (environ or os.environ).items() if value}
    names = {field.alias for field in Settings.model_fields.values()}
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
    return f"{name}: is {'missing' if fault['type'] == 'missing' else 'malformed'}; it should be {what}"
