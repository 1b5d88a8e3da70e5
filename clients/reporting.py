"""The settings of what leaves the installation for people and programs: notices."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from clients.notify.channels import NAME, SETTING_PREFIX, Channels, channels_of


def _channel_names(text: object) -> tuple[str, ...]:
    names = str(text).replace(",", " ").split()
    if not all(NAME.fullmatch(name) for name in names):
        raise ValueError("should be names such as notify-ops")
    return tuple(names)


class ReportingSettings(BaseSettings):
    """A part of `Settings`, which has the others and checks all of them together."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", validate_default=False, alias_generator=lambda name: f"HOLDFAST_{name.upper()}"
    )

    notify: Annotated[tuple[str, ...], BeforeValidator(_channel_names)] = Field(
        (),
        description="names of channels that the operators read, such as notify-ops, whose URL is HOLDFAST_NOTIFY_OPS",
    )
    notify_urls: dict[str, str] = Field(
        {},
        alias=f"{SETTING_PREFIX}*",
        description="a URL of Apprise each, named in HOLDFAST_NOTIFY or a tenant's notify",
        repr=False,
    )

    def channels(self) -> Channels:
        """Where notices can go. Raises Unsendable."""
        return channels_of(self.notify, self.notify_urls)
