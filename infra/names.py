"""Writes names.json: what the Bicep files need to know of the code, read from the code.

It runs as a process of its own, for function_app.py reads its settings when it is imported.
"""

import json
import os
from pathlib import Path

HERE = Path(__file__).parent
SETTINGS = HERE.parent / "local.settings.json.example"


def names() -> dict[str, list[str]]:
    """Return the queues, tables and containers, and the functions that have instances of their own: all but HTTP's."""
    os.environ.update(json.loads(SETTINGS.read_text("utf-8"))["Values"])
    from clients import storage  # noqa: PLC0415 - after the settings
    from domain.jobs import QUEUES  # noqa: PLC0415
    from function_app import app  # noqa: PLC0415

    triggers = {str(each.get_function_name()): each.get_trigger() for each in app.get_functions()}
    return {
        "queues": sorted(QUEUES),
        "tables": sorted(storage.TABLES),
        "containers": sorted(storage.CONTAINERS),
        "functions": sorted(
            str(name) for name, trigger in triggers.items() if trigger and trigger.type != "httpTrigger"
        ),
    }


if __name__ == "__main__":
    (HERE / "names.json").write_text(json.dumps(names(), indent=2) + "\n", "utf-8")
