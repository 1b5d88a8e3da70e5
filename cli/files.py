"""Tenants from a file: a JSON list of configs, or CSV whose columns are the config's plain fields."""

import csv
import json
from pathlib import Path
from typing import Any

from cli.api import Failure

FIELDS = ("tenant_id", "name", "initial_domain", "profile", "mode", "enabled")
"""What CSV can say; the rest of a config has structure, and wants JSON."""


def tenants(path: Path) -> list[dict[str, Any]]:
    """The configs in the file, as the service is to judge them.

    Raises:
        Failure: It is empty, or cannot be read as what its ending says; the sentence names the row or column.
    """
    if found := _read(path):
        return found
    raise Failure(2, f"{path}: there is no tenant in it")


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text("utf-8-sig")  # Excel writes a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(2, f"{path}: cannot be read: {error}") from None
    match path.suffix.lower():
        case ".json":
            return _json(path, text)
        case ".csv":
            return _csv(path, text)
        case _:
            raise Failure(2, f"{path}: should end in .json or .csv")


def _json(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Failure(2, f"{path}: is not JSON: {error}") from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Failure(2, f"{path}: should be a list of tenant configs")
    return found


def _csv(path: Path, text: str) -> list[dict[str, Any]]:
    rows = csv.DictReader(text.splitlines())
    columns = [name.strip() for name in rows.fieldnames or ()]
    if strangers := sorted(set(columns) - set(FIELDS)):
        raise Failure(2, f"{path}: there is no column '{strangers[0]}'; there is {', '.join(FIELDS)}")
    rows.fieldnames = columns
    return [_config(path, number, row) for number, row in enumerate(rows, start=2)]


def _config(path: Path, number: int, row: dict[Any, Any]) -> dict[str, Any]:
    if None in row:
        raise Failure(2, f"{path}: line {number} has more values than columns")
    config: dict[str, Any] = {name: value.strip() for name, value in row.items() if value and value.strip()}
    if "enabled" in config:
        if config["enabled"].lower() not in {"true", "false"}:
            raise Failure(2, f"{path}: line {number}: enabled should be true or false")
        config["enabled"] = config["enabled"].lower() == "true"
    return config
