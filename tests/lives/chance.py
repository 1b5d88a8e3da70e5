"""How long Hypothesis looks: briefly and always alike, so that a red run can be repeated; or longer, if asked.

`HOLDFAST_LIVES=20 make test` plays twenty times as many lives, others each time.
"""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

_TIMES = int(os.environ.get("HOLDFAST_LIVES", "1"))


def lives(count: int, **more: Any) -> settings:
    """Settings for *count* examples."""
    return settings(
        max_examples=count * _TIMES,
        derandomize=_TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        **more,
    )
