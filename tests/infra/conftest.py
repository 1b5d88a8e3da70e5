"""What the product really has, for comparison with what would be deployed."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from infra import compiler
from tests.devhost.processes import ROOT
from tests.test_function_app import INDEX, SETTINGS

# Without a compiler its tests are not there; `make infra` says so.
collect_ignore = [] if compiler.find() else ["test_compiled.py"]


@pytest.fixture(scope="session")
def triggers() -> dict[str, dict[str, Any]]:
    """The trigger binding of every function of function_app.py, by name, as Microsoft's indexer reads it."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | SETTINGS
    indexed = subprocess.run([sys.executable, "-c", INDEX], cwd=ROOT, env=environment, capture_output=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(indexed.stdout)
    return found
