#!/usr/bin/env bash
# Make .venv from requirements.lock: tools/set_up.sh PYTHON. Does nothing while the lock and pyproject.toml are as they were last time.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh

finished=.venv/.set-up        # what .venv was finished from, and where; written last
unfinished=.venv/.unfinished  # there while a new .venv is being filled: if it stays, the machine stopped in between
state=$(cat requirements.lock pyproject.toml | cksum)

if command -v flock > /dev/null; then  # one set-up at a time, where the file system has locks
    exec 9< requirements.lock
    flock -n 9 2> /dev/null || [ $? != 1 ] || { echo 'waiting for another set-up of .venv'; flock 9; }
fi
if [ -e $unfinished ] || [ "$(sed -n 2p $finished 2>/dev/null || echo "$PWD")" != "$PWD" ]; then rm -rf .venv; fi  # half-made, or copied
if [ "$(sed -n 1p $finished 2>/dev/null)" = "$state" ] && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi

log=$(mktemp)
trap '[ ! -e $unfinished ] || rm -rf .venv; rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ ! -e .venv ]; then
    check_python "$1"
    echo 'setting up .venv: about 7 GB, some minutes'
    mkdir .venv
    touch $unfinished
    "$1" -m venv .venv > "$log" 2>&1 || { tail -n 5 "$log" >&2; stop 'no virtual environment could be made (see above); nothing was left behind'; }
else
    (check_python .venv/bin/python) 2>/dev/null || stop '.venv has no Python 3.11, 3.12 or 3.13 that works: remove it and start again'
    echo 'bringing .venv up to date with requirements.lock'
    rm -f $finished
fi

install() {  # what it is called, pip's arguments
    local what=$1; shift
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@" > "$log" 2>&1 && return
    grep -v '^WARNING' "$log" | tail -n 5 >&2 || true
    stop "pip could not install $what (see above): mend that and start again"
}
install requirements.lock --require-hashes -r requirements.lock
install 'emotiw itself' --no-deps --no-build-isolation -e .
rm -f $unfinished
printf '%s\n' "$state" "$PWD" > $finished
