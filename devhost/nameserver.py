"""`python -m devhost.nameserver --zones FILE --ready-file FILE`: Knot DNS with those zones, until it is told to end.

FILE holds a JSON object of zone names to zone files. Once Knot answers, the ready file says where it is, and its key.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from devhost.errors import StartError
from devhost.knot import KEY_NAME, knot
from devhost.ready import write


async def serve(zones: dict[str, str], ready: Path) -> None:
    """Serve *zones* until SIGTERM or SIGINT.

    Raises:
        StartError: Knot is not installed, or did not start.
    """
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with knot(zones) as server:
        write(ready, {"host": server.hosts[0], "port": server.port, "key_name": KEY_NAME, "secret": server.secret})
        await told.wait()


def main() -> int:
    """Run from the command line; one line says why it did not start."""
    parser = argparse.ArgumentParser(prog="nameserver", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--zones", type=Path, required=True, help="a JSON object of zone names to zone files")
    parser.add_argument("--ready-file", type=Path, required=True, help="written once Knot answers")
    given = parser.parse_args()
    try:
        asyncio.run(serve(json.loads(given.zones.read_text()), given.ready_file))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
