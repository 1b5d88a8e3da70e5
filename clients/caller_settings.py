"""The settings of who may call: people who sign in to the console, and tokens of Entra ID."""

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from clients.settings_part import SettingsPart
from clients.urls import base_url
from domain.dns_hosts import Guid

SHORTEST_SESSION_KEY = 32


def _session_keys(text: object) -> tuple[SecretStr, ...]:
    keys = [part.strip() for part in str(text).split(",") if part.strip()]
    if any(len(key) < SHORTEST_SESSION_KEY for key in keys):
        raise ValueError(f"each should have {SHORTEST_SESSION_KEY} characters or more")
    return tuple(map(SecretStr, keys))


def _pages_url(text: str) -> str:
    """A path is of this very host: the simulator's pages, which the dev host passes on."""
    return text.rstrip("/") if text.startswith("/") and not text.startswith("//") else base_url(text)


type SessionKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(_session_keys)]
type PagesUrl = Annotated[str, AfterValidator(_pages_url)]


class CallerSettings(SettingsPart):
    """A part of `Settings`. The console's registration is the API's; its credential is the service's own."""

    api_audience: str = Field(
        "", description="the client id or application id URI of the API's app registration; both, comma separated"
    )
    api_tenant_id: Guid = Field("", description="the GUID of the tenant whose people and services may call")
    api_client_id: Guid = Field("", description="the client id of the app registration that people sign in by")
    session_keys: SessionKeys = Field(
        (),
        description=f"random texts of {SHORTEST_SESSION_KEY} characters or more, comma separated, the newest first",
        repr=False,
    )
    entra_pages_url: PagesUrl = Field("", description="for tests: where a browser finds Entra's pages")

    @model_validator(mode="after")
    def _callers(self) -> Self:
        """Raise ValueError where settings only make sense together."""
        if bool(self.api_audience) != bool(self.api_tenant_id):
            raise ValueError("HOLDFAST_API_AUDIENCE, HOLDFAST_API_TENANT_ID: should both be set, or neither")
        if self.api_client_id and not (self.api_tenant_id and self.session_keys):
            raise ValueError(
                "HOLDFAST_API_CLIENT_ID: is of no use without HOLDFAST_API_AUDIENCE, HOLDFAST_API_TENANT_ID and "
                "HOLDFAST_SESSION_KEYS; all should be set, or it should not"
            )
        return self

    def audiences(self) -> tuple[str, ...]:
        """For whom a caller's token may be made out."""
        return tuple(part.strip() for part in self.api_audience.split(",") if part.strip())
