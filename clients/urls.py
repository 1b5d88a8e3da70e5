"""Where a secret may travel to."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""What this machine calls itself."""


def base_url(text: str) -> str:
    """*text* without its last slash, where it is an address that a secret may be sent to.

    Raises:
        ValueError: It is not https; plain http only to this machine, where somebody's simulator may be.
    """
    url = urlsplit(text)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
        raise ValueError("should be an https URL")
    if not url.hostname or url.port == 0:  # a port that is none raises ValueError itself
        raise ValueError("should name a host")
    return text.rstrip("/")


type Url = Annotated[str, AfterValidator(base_url)]
"""An address as `base_url` takes it, without its last slash."""
