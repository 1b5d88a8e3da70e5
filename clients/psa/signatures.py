"""Whether a webhook's bytes come from who holds the secret, as each vendor signs them. All in constant time.

Signatures are verified over the bytes as received: the same JSON written again is another message.
Source: docs/reference/psa.md#connectwise-signature, #autotask-webhooks, #halopsa-webhooks, #standard-webhooks.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""How far a signed time may be from ours, past or future (Standard Webhooks)."""


def connectwise(body: bytes, headers: Mapping[str, str], signing_key: str) -> bool:
    """HMAC-SHA256 with the SHA-256 of the key's text, in Base64, in `x-content-signature`."""
    key = hashlib.sha256(signing_key.encode()).digest()
    expected = base64.b64encode(hmac.digest(key, body, "sha256"))
    return _same(expected, headers.get("x-content-signature", ""))


def autotask(body: bytes, headers: Mapping[str, str], secrets: Iterable[str]) -> bool:
    """HMAC-SHA1 with the secret's text, as `sha1=` and Base64, in `X-Hook-Signature`."""
    given = headers.get("x-hook-signature", "")
    expected = (b"sha1=" + base64.b64encode(hmac.digest(secret.encode(), body, "sha1")) for secret in secrets)
    return _any(_same(each, given) for each in expected)


def halopsa(headers: Mapping[str, str], secrets: Iterable[str]) -> bool:
    """HTTP Basic where the secret is `user:password`, Bearer otherwise: HaloPSA signs no body."""
    given = headers.get("authorization", "")
    return _any(_same(_authorization(secret), given) for secret in secrets)


def _authorization(secret: str) -> bytes:
    return b"Basic " + base64.b64encode(secret.encode()) if ":" in secret else b"Bearer " + secret.encode()


def standard(body: bytes, headers: Mapping[str, str], secrets: Iterable[str], now: datetime) -> bool:
    """Any `v1` signature by any of the secrets over id, time and body; the time within TOLERANCE of *now*."""
    # Only where it is used: its import costs a good part of what importing the app may cost.
    from standardwebhooks import Webhook  # noqa: PLC0415

    message, stamp, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    at = _time(stamp)
    if not message or "." in message or at is None or abs(now - at) > TOLERANCE:
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    expected = [Webhook(secret).sign(message, at, text).encode() for secret in secrets]
    return _any(_same(each, one) for each in expected for one in given.split(" "))


_LATEST = 10**11
"""Seconds: beyond the year 5000, where no calendar need go."""


def _time(stamp: str) -> datetime | None:
    if not (stamp.isascii() and stamp.isdigit() and int(stamp[:20]) < _LATEST):
        return None
    return datetime.fromtimestamp(int(stamp[:20]), UTC)


def _same(expected: bytes, given: str) -> bool:
    return hmac.compare_digest(expected, given.encode("utf-8", "replace"))


def _any(results: Iterable[bool]) -> bool:
    """Whether one is true. All are compared, so that the time taken does not reveal which secret matched."""
    return sum(list(results)) > 0
