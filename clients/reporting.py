"""The settings of what leaves the installation for people and programs: notices, monthly evidence."""

import json
import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from clients.notify.channels import NAME, SETTING_PREFIX, Channels, channels_of
from clients.notify.events import EventsTarget
from clients.psa.connections import Json
from clients.settings_part import SettingsPart
from domain.evidence.brand import Brand


def _channel_names(text: object) -> tuple[str, ...]:
    names = str(text).replace(",", " ").split()
    if not all(NAME.fullmatch(name) for name in names):
        raise ValueError("should be names such as notify-ops")
    return tuple(names)


_BRAND_HAS = {"name", "logo"}
_LOGO = re.compile(r"data:image/(?:png|jpeg|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}")


def _brand(text: object) -> Brand:
    """Raises ValueError."""
    given = json.loads(str(text)) if str(text).lstrip().startswith("{") else {"name": str(text)}
    if given.keys() - _BRAND_HAS or not all(isinstance(each, str) for each in given.values()):
        raise ValueError("should have name and logo, both text")
    brand = Brand(**given)
    if brand.logo and not _LOGO.fullmatch(brand.logo):
        raise ValueError("logo should be a data URI of a PNG, JPEG or SVG image")
    return brand


class ReportingSettings(SettingsPart):
    """What goes to people and programs outside."""

    notify: Annotated[tuple[str, ...], BeforeValidator(_channel_names)] = Field(
        (),
        description="names of channels that the operators read, such as notify-ops, whose URL is HOLDFAST_NOTIFY_OPS",
    )
    brand: Annotated[Brand, BeforeValidator(_brand)] = Field(
        Brand(), description='a name, or a JSON object {"name", "logo"} whose logo is a data URI of an image'
    )
    events: Json[EventsTarget] = Field(
        None, description='a JSON object {"url", "secret"} as docs/events.md has it', repr=False
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
