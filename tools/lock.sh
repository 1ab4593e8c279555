#!/usr/bin/env bash
# Write requirements.lock and environment.yml from pyproject.toml: tools/lock.sh PYTHON. Versions in the lock stay where they still fit.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh
check_python "$1"
temporary_environment "$1" uv
cp requirements.lock "$dir/lock"
"$dir/bin/uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --no-header --generate-hashes --no-strip-extras \
    --extra cluster --extra dev pyproject.toml -o "$dir/lock"
cp "$dir/lock" requirements.lock
"$dir/bin/python" tools/pins.py
