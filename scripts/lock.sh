#!/bin/sh
# Writes the requirements*.lock files from pyproject.toml, for every platform, by hash.
# Arguments go to `uv pip compile`. Only this needs uv; where there is none, a throwaway one is fetched.
set -eu
cd "$(dirname "$0")/.."

uv=$(command -v uv) || {
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  "${PYTHON:-python3}" -m venv "$folder"
  "$folder/bin/python" -m pip install -q --disable-pip-version-check uv
  uv=$folder/bin/uv
}

compile() {
  "$uv" pip compile -q --universal --generate-hashes --python-version 3.11 \
    --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --group build -o requirements.lock "$@"
compile pyproject.toml --group dev --extra otel -c requirements.lock -o requirements-dev.lock "$@"
# The lowest version of what Gatepost needs, and the newest of what its tests need.
# The name is in the comments of the lock, so it is the same each time.
rm -f requirements-lowest.lock
compile pyproject.toml --group floors --resolution lowest-direct -o requirements-floors.lock
compile pyproject.toml --group lowest -c requirements-floors.lock -o requirements-lowest.lock "$@"
rm -f requirements-floors.lock
compile pyproject.toml --group beside -o requirements-beside.lock "$@"
compile --group native -o requirements-native.lock "$@"
