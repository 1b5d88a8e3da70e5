#!/bin/sh
# See register_app.py, which does it.
exec python3 "$(dirname "$0")/register_app.py" "$@"
