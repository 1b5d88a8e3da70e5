"""What a deployment would make, as the compiler predicted it for each parameter file (infra/snapshots)."""

import json
from functools import cache
from typing import Any

from infra.compiler import HERE as INFRA
from infra.compiler import SNAPSHOTS

ROOT = INFRA.parent
SETS = sorted(file.stem for file in INFRA.glob("*.bicepparam"))
"""The parameter files: `example` has every option on."""

type Resource = dict[str, Any]


@cache
def resources(name: str) -> tuple[Resource, ...]:
    """Every resource that the parameter file of that name makes."""
    return tuple(json.loads((SNAPSHOTS / f"{name}.json").read_text("utf-8"))["predictedResources"])


def of(kind: str, name: str = "example") -> list[Resource]:
    """The resources of one type, without its `Microsoft.`."""
    return [each for each in resources(name) if each["type"] == f"Microsoft.{kind}"]


def named(kind: str, name: str = "example") -> set[str]:
    """The last parts of their names."""
    return {each["name"].rsplit("/", 1)[-1] for each in of(kind, name)}


def properties(kind: str, name: str = "example") -> dict[str, Any]:
    """What the one resource of a type says."""
    [only] = of(kind, name)
    said: dict[str, Any] = only["properties"]
    return said


def config(kind: str, name: str = "example") -> dict[str, Any]:
    """One `config` of the app: `appsettings`, `authsettingsV2`."""
    [only] = [each for each in of("Web/sites/config", name) if each["name"].endswith(f"/{kind}")]
    said: dict[str, Any] = only["properties"]
    return said
