"""App settings and host.json as the platform reads them, with the platform's defaults.

Source: docs/reference/azure-functions.md#what-the-host-sends, #queue-settings, #host-storage.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from devhost.errors import StartError

_PLACEHOLDER = re.compile(r"%([^%]+)%")


class _Options(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class QueueOptions(_Options):
    """`extensions.queues` of host.json; it applies to every queue function of the app."""

    batch_size: Annotated[int, Field(ge=1, le=32)] = 16
    new_batch_threshold: Annotated[int | None, Field(ge=0)] = None
    max_dequeue_count: Annotated[int, Field(ge=1)] = 5
    visibility_timeout: timedelta = timedelta()
    max_polling_interval: timedelta = timedelta(
        seconds=2
    )  # the default of the local tools; in the cloud it is a minute
    message_encoding: Literal["base64", "none"] = "base64"

    @property
    def threshold(self) -> int:
        """Running messages at or below which the next batch is fetched."""
        return self.batch_size // 2 if self.new_batch_threshold is None else self.new_batch_threshold


class HttpOptions(_Options):
    """`extensions.http` of host.json."""

    route_prefix: str = "api"


class Extensions(_Options):
    """`extensions` of host.json, as far as the devhost acts on it."""

    http: HttpOptions = HttpOptions()
    queues: QueueOptions = QueueOptions()


class HostJson(_Options):
    """host.json, as far as the devhost acts on it."""

    version: Literal["2.0"]
    extensions: Extensions = Extensions()


def read_host_json(folder: Path) -> HostJson:
    """Read *folder*/host.json.

    Raises:
        StartError: It is missing, is not JSON, or a value is out of the platform's range.
    """
    try:
        return HostJson.model_validate_json((folder / "host.json").read_bytes())
    except FileNotFoundError:
        raise StartError(f"{folder} has no host.json: it is not the folder of a function app") from None
    except ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StartError(f"host.json: {where}: {first['msg']}" if where else f"host.json: {first['msg']}") from None


def resolve(text: str, environ: Mapping[str, str], *, function: str) -> str:
    """Replace every %NAME% in *text* by the setting of that name.

    Raises:
        StartError: A setting is missing or empty.
    """

    def setting(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if not environ.get(name):
            raise StartError(f"function {function}: setting {name} (in {text!r}) is not set")
        return environ[name]

    return _PLACEHOLDER.sub(setting, text)


def connection_string(prefix: str, environ: Mapping[str, str], *, function: str) -> str:
    """Look up the storage connection of a binding.

    Raises:
        StartError: It is not set, or only as an identity (`<prefix>__accountName` and the like), which the platform
            would use when no exact setting is there, and which the devhost does not offer.
    """
    if connection := environ.get(prefix):
        return connection
    if any(name.startswith(f"{prefix}__") for name in environ):
        raise StartError(
            f"function {function}: connection {prefix} is identity-based; the devhost needs a connection string in it"
        )
    raise StartError(f"function {function}: setting {prefix} (the connection) is not set")
