"""Who may come in: whether a webhook was sent by the PSA system that it names."""

from collections.abc import Iterable, Mapping

import httpx
from pydantic import SecretStr

from clients.http import Clock
from clients.psa import signatures
from clients.psa.signing_keys import SigningKeys
from clients.settings import Settings
from domain.psa.delivery import key_place
from domain.psa.desk import Provider


class Door:
    """Looks at every delivery's signature. A system that has no setting has no way in."""

    def __init__(self, settings: Settings, web: httpx.AsyncClient, *, now: Clock) -> None:
        self._settings = settings
        self._now = now
        connectwise = settings.psa_connectwise
        self._keys = SigningKeys(web, connectwise, now=now) if connectwise else None

    def has(self, provider: Provider) -> bool:
        """Whether this service is connected to *provider*."""
        return getattr(self._settings, f"psa_{provider}") is not None

    async def admits(self, provider: Provider, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the delivery is authentic. *headers*: by lower-case name.

        Raises:
            Unreachable, Throttled: That needs a key which could not be fetched now.
        """
        match provider:
            case "connectwise":
                return await self._connectwise(body, headers)
            case "autotask":
                autotask = self._settings.psa_autotask
                return bool(autotask and signatures.autotask(body, headers, _plain(autotask.webhook_secrets)))
            case "halopsa":
                halopsa = self._settings.psa_halopsa
                return bool(halopsa and signatures.halopsa(headers, _plain(halopsa.webhook_secrets)))
            case "standard":
                sender = self._settings.psa_standard
                return bool(sender and signatures.standard(body, headers, _plain(sender.secrets), self._now()))

    async def _connectwise(self, body: bytes, headers: Mapping[str, str]) -> bool:
        place = key_place(body) if "x-content-signature" in headers else None
        if self._keys is None or place is None or not self._keys.trusts(place):
            return False
        key = await self._keys.at(place.url)
        if key is None or signatures.connectwise(body, headers, key):
            return key is not None
        newer = await self._keys.at(place.url, instead_of=key)
        return newer is not None and newer != key and signatures.connectwise(body, headers, newer)


def _plain(secrets: Iterable[SecretStr]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]
