"""Where notices go: channels by name, each one URL of Apprise, from the settings and from nowhere else.

Source: Apprise, "Supported Notifications" and "Universal Syntax".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from clients.urls import LOOPBACK

NAME = re.compile(r"notify-[a-z0-9][a-z0-9-]{0,54}")
SETTING_PREFIX = "HOLDFAST_NOTIFY_"
"""Of the settings with one URL each: `HOLDFAST_NOTIFY_NOC` is the channel `notify-noc`, and the vault's secret."""

SCHEMES = frozenset(
    [
        "discord",
        "forms",
        "gchat",
        "jsons",
        "mailtos",
        "matrixs",
        "mmosts",
        "ntfys",
        "opsgenie",
        "pagerduty",
        "pover",
        "rockets",
        "signl4",
        "slack",
        "splunk",
        "tgram",
        "victorops",
        "webex",
        "workflow",
        "workflows",
        "wxteams",
        "xmls",
        "zulip",
    ]
)
"""What a channel may be: services that are reached by TLS. Nothing that runs a program, writes a file or is local."""
_ON_LOOPBACK = frozenset({"form", "json", "xml"})
"""Without TLS, so only to this machine: a relay beside the service, and the tests."""
_OFF = frozenset({"no", "false", "0", "off", "none", "never", "disable", "disabled", ""})
_SHORTEST_PART = 16
"""Characters of a part of a URL from which on it may be a token."""


class Unsendable(ValueError):  # noqa: N818 - what is wrong with the URL, without repeating it
    """*str()* says what a channel's URL should be."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One place that notices go to. *url*: Apprise's, a secret."""

    name: str
    url: str = field(repr=False)

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0].lower()

    def secrets(self) -> Iterator[str]:
        """The texts that must be in no line: the URL, and what in it may be a token or a password."""
        yield self.url
        password = urlsplit(self.url).password
        yield from [password] if password else []
        yield from (
            part for part in re.split(r"[/:@?&=,]", self.url) if len(part) >= _SHORTEST_PART and "." not in part
        )


@dataclass(frozen=True, slots=True)
class Channels:
    """Every channel by name. *operators*: those that are told of the service itself."""

    by_name: Mapping[str, Channel] = field(default_factory=dict)
    operators: tuple[str, ...] = ()

    def of(self, names: tuple[str, ...]) -> list[Channel]:
        """The channels of *names* that there are."""
        return [self.by_name[name] for name in dict.fromkeys(names) if name in self.by_name]


def checked_url(url: str) -> str:
    """*url*, if notices may go there. Raises Unsendable."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise Unsendable("should be a URL of Apprise") from None
    scheme = parts.scheme.lower()
    if not (scheme and parts.netloc):
        raise Unsendable("should be a URL of Apprise, such as workflows://... or slack://...")
    if scheme not in SCHEMES and not (scheme in _ON_LOOPBACK and parts.hostname in LOOPBACK):
        raise Unsendable(f"should be of one of the schemes {', '.join(sorted(SCHEMES))}")
    if {each.strip().lower() for each in parse_qs(parts.query, keep_blank_values=True).get("verify", [])} & _OFF:
        raise Unsendable("should not switch off the check of certificates (verify)")
    return url.strip()


def channels_of(operators: tuple[str, ...], urls: Mapping[str, str]) -> Channels:
    """The channels of the settings. *operators*: names of those that are told of the service; *urls*: by setting.

    Raises:
        Unsendable: A name is none, or a URL is not one that notices may go to.
    """
    found = dict[str, Channel]()
    for setting, url in urls.items():
        name = f"notify-{setting.removeprefix(SETTING_PREFIX).lower().replace('_', '-')}"
        if not NAME.fullmatch(name):
            raise Unsendable(f"{setting}: its name should end in capitals, digits and underscores")
        try:
            found[name] = Channel(name, checked_url(url))
        except Unsendable as fault:
            raise Unsendable(f"{setting}: {fault}") from None
    if missing := [name for name in operators if name not in found]:
        raise Unsendable(f"HOLDFAST_NOTIFY: '{missing[0]}' has no URL; it should be in {setting_of(missing[0])}")
    return Channels(found, tuple(dict.fromkeys(operators)))


def setting_of(name: str) -> str:
    """The setting that holds the URL of channel *name*."""
    return SETTING_PREFIX + name.removeprefix("notify-").upper().replace("-", "_")
