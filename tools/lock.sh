#!/usr/bin/env bash
# Write requirements.lock and environment.yml from pyproject.toml: tools/lock.sh PYTHON. Versions in the lock stay where they still fit.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh
check_python "$1"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check uv > "$dir/log" 2>&1 ||
    { tail -n 5 "$dir/log" >&2; stop 'uv could not be installed (see above)'; }
cp requirements.lock "$dir/lock"
"$dir/bin/uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --no-header --generate-hashes \
    --extra cluster --extra dev pyproject.toml -o "$dir/lock"
cp "$dir/lock" requirements.lock
"$dir/bin/python" tools/pins.py
