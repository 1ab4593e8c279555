# To be sourced. `check_python PYTHON` ends with one line, and what to do, unless PYTHON can carry emotiw

stop() { echo "emotiw: $*" >&2; exit 1; }

check_python() {
    local python=$1 version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        stop "no Python answers to '$python': install one (Debian: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3.11"
    case $version in
        3.11|3.12|3.13) ;;
        *) stop "'$python' is Python $version, and 3.11, 3.12 or 3.13 is needed: name one, for example make PYTHON=python3.11" ;;
    esac
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "'$python' cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)"
}

# `temporary_environment PYTHON PACKAGE`: a virtual environment in $dir that has PACKAGE, and goes when the script ends
temporary_environment() {
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    "$1" -m venv "$dir"
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check "$2" > "$dir/log" 2>&1 ||
        { tail -n 5 "$dir/log" >&2; stop "$2 could not be installed (see above)"; }
}
