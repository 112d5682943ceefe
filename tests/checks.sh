#!/bin/sh
# Every check of `make test`, each named and timed as it goes; ends with the names of those that failed.
set -u
cd "$(dirname "$0")/.."
bin=.venv/bin
jobs=${1:-2}
failed=""
number=0

step() {
    number=$((number + 1))
    name=$1
    shift
    began=$(date +%s)
    echo
    echo "[$number/8] $name: $*"
    if "$@"; then
        echo "[$number/8] $name: ok, $(($(date +%s) - began)) s"
    else
        echo "[$number/8] $name: FAILED, $(($(date +%s) - began)) s"
        failed="$failed $name"
    fi
}

# The pure core is tested in two processes of which each counts branches; the rest in as many as there are jobs.
dialects="" core="" others=""
for path in tests/*; do
    case ${path#tests/} in
        dialects) dialects=$path ;;
        ir | wire | routing | retention | policies | providers | test_transcode.py)
            core="$core $path" ;;
        __pycache__ | *.sh | conftest.py | fixtures | golden) ;;
        *) [ -d "$path" ] || [ "${path%.py}" != "$path" ] && others="$others $path" ;;
    esac
done

halves() {
    first=$(mktemp)
    "$bin/coverage" erase
    # shellcheck disable=SC2086 # lists of paths
    "$bin/coverage" run --parallel-mode -m pytest -m "not slow" $core > "$first" 2>&1 &
    other=$!
    "$bin/coverage" run --parallel-mode -m pytest -m "not slow" "$dialects"
    status=$?
    wait "$other" || status=1
    cat "$first"
    rm -f "$first"
    "$bin/coverage" combine --quiet
    return "$status"
}

step style "$bin/ruff" check .
step format "$bin/ruff" format --check .
step types "$bin/mypy"
step layers "$bin/lint-imports" --no-logo
step spelling "$bin/codespell"
step core halves
step coverage "$bin/coverage" report
# shellcheck disable=SC2086
step tests "$bin/python" -m pytest -m "not slow" -n "$jobs" $others

echo
if [ -n "$failed" ]; then
    echo "lethe: failed:$failed"
    exit 1
fi
echo "lethe: all $number checks passed"
