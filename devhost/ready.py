"""The ready file, by which a process tells who started it that it serves, and where."""

import json
import os
from pathlib import Path


def write(path: Path, about: dict[str, object]) -> None:
    """Write in one move, readable by the owner only: a reader sees all of the file or none, and it holds a key."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(about))
    draft.replace(path)
