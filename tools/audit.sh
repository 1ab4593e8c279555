#!/usr/bin/env bash
# Known vulnerabilities of what requirements.lock installs, as pypi.org lists them: tools/audit.sh PYTHON; 1 if there are any.
# It fails where the list cannot be had: a mirror that holds packages alone knows of no vulnerability.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh
check_python "$1"
temporary_environment "$1" pip-audit
"$dir/bin/pip-audit" --strict --requirement requirements.lock --require-hashes --disable-pip
