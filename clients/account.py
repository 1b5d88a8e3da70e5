"""The storage account of this installation: the platform's own triggers need it too, whatever else is set."""

import base64
import os
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from clients.urls import Url


def _connection_string(text: str) -> str:
    """Ask of *text* what each of the storage SDKs needs. Raises ValueError."""
    parts = _parts(text)
    if parts.get("usedevelopmentstorage") == "true":
        return text
    if not parts.get("accountname"):
        raise ValueError("should name an account")
    if not parts.get("sharedaccesssignature") and not base64.b64decode(parts.get("accountkey", ""), validate=True):
        raise ValueError("should carry a key")
    return text


def _parts(text: str) -> dict[str, str]:
    return dict(_part(part) for part in text.split(";") if part.strip())


def _part(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


type ConnectionString = Annotated[str, AfterValidator(_connection_string)]


class Account(BaseSettings):
    """A part of `Settings`, which also stands alone where the rest is faulty."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", validate_default=False, alias_generator=lambda name: f"HOLDFAST_{name.upper()}"
    )

    storage: ConnectionString = Field(
        "",
        alias="AzureWebJobsStorage",
        description="a storage connection string, or set AzureWebJobsStorage__accountName",
        repr=False,
    )
    storage_account: str = Field("", alias="AzureWebJobsStorage__accountName", description="a storage account's name")
    blob_url: Url | None = Field(None, alias="AzureWebJobsStorage__blobServiceUri", description="an https URL")
    queue_url: Url | None = Field(None, alias="AzureWebJobsStorage__queueServiceUri", description="an https URL")
    table_url: Url | None = Field(None, alias="AzureWebJobsStorage__tableServiceUri", description="an https URL")
    storage_identity: str = Field(
        "", alias="AzureWebJobsStorage__clientId", description="a managed identity's client id"
    )

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the others are given by keyword
        cls, _: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_others: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed on counts: the environment has been read, or another was given."""
        return (init_settings,)

    def is_emulated(self) -> bool:
        """Whether storage is an emulator on this machine, as `make host` starts it: so it is nowhere in Azure."""
        parts = _parts(self.storage)
        host = urlsplit(parts.get("tableendpoint", "")).hostname or ""
        return parts.get("usedevelopmentstorage") == "true" or host == "localhost" or _is_loopback(host)

    def storage_url(self, service: Literal["blob", "queue", "table"]) -> str:
        """The base URL of one service of the account that is reached by identity.

        An account that is named counts before URLs, and is one of the public cloud: so the platform reads both.
        """
        if self.storage_account:
            return f"https://{self.storage_account}.{service}.core.windows.net"
        return {"blob": self.blob_url, "queue": self.queue_url, "table": self.table_url}[service] or ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_account() -> Account:
    """Read the account from the process's environment. Raises pydantic's ValidationError."""
    return Account.model_validate({name: value for name, value in os.environ.items() if value})
