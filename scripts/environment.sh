#!/bin/sh
# Brings .venv up to date, and does nothing when it already is:
#   sh scripts/environment.sh run    the packages of requirements.lock, and gatepost itself
#   sh scripts/environment.sh dev    the same with the packages of requirements-dev.lock
#   sh scripts/environment.sh lowest .venv-lowest, with the lowest supported version of each library
#   sh scripts/environment.sh beside .venv-beside, with the libraries that a host brings with it
#
# Each finished step leaves a copy of the file it followed in .venv, so that the next call only compares.
# While an installation is under way .venv/.busy names the process: one that has died left half a .venv,
# which is made afresh.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
case "${1:-}" in lowest | beside) venv=.venv-$1 ;; esac
python=$venv/bin/python
is_new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

case "${1:-}" in
  run) lock=requirements.lock ;;
  dev) lock=requirements-dev.lock ;;
  lowest | beside) lock=requirements-$1.lock ;;
  *) echo "usage: sh scripts/environment.sh run|dev|lowest|beside" >&2; exit 2 ;;
esac

# The machine's own certificates, like pip: a company's proxy is in them.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"

say() { printf '%s\n' "$@" >&2; }
die() { say "$@"; exit 1; }

has_uv() { command -v uv >/dev/null 2>&1; }

# A console script names its interpreter by an absolute path: a moved .venv is a broken one.
is_sound() {
  [ ! -e $venv/.busy ] || return 1
  [ ! -e $venv/.place ] || [ "$(cat $venv/.place)" = "$PWD" ] || return 1
  "$python" -c "$is_new_enough" 2>/dev/null
}

is_current() {
  is_sound && cmp -s "$lock" "$venv/.locked-$1" &&
    cmp -s pyproject.toml $venv/.installed && [ -x $venv/bin/gatepost ]
}

find_python() {
  for candidate in ${PYTHON:-python3 python3.15 python3.14 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c "$is_new_enough" >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

make_venv() {
  found=$(find_python) || found=
  if has_uv; then
    # Without a suitable Python uv brings one.
    uv venv -q --allow-existing --python "${found:-3.11}" $venv || die "uv could not make $venv."
    return
  fi
  [ -n "$found" ] || die \
    "Gatepost needs Python 3.11 or newer, and there is none on PATH${PYTHON:+ by the name $PYTHON}." \
    "Install one (Debian: apt install python3 python3-venv), name one (make PYTHON=/path/to/python3.11 ...)," \
    "or install uv (https://docs.astral.sh/uv/), which brings its own."
  "$found" -c 'import ensurepip, venv' 2>/dev/null || die \
    "$found cannot make virtual environments: it has no ensurepip." \
    "Debian and Ubuntu keep it in a package of its own: apt install python3-venv (or install uv)."
  "$found" -m venv $venv
}

# Hashes are demanded and nothing is resolved: the lock is complete.
install() {
  if has_uv; then
    uv pip install -q --python "$python" --no-deps "$@"
    return
  fi
  "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip --default-pip >/dev/null
  "$python" -m pip install -q --disable-pip-version-check --no-input --no-deps "$@"
}

# A failure that ends by itself leaves .venv usable; only a process that was killed leaves .busy behind.
give_up() {
  rm -f $venv/.busy
  die "$@"
}

wait_for_another_make() {
  waited=0
  while owner=$(cat $venv/.busy 2>/dev/null) && [ -n "$owner" ] && kill -0 "$owner" 2>/dev/null; do
    [ $waited -gt 0 ] || say "Process $owner is installing into $venv: waiting for it."
    [ $waited -lt 600 ] || die "Still waiting. If process $owner is not installing, delete $venv and try again."
    sleep 1
    waited=$((waited + 1))
  done
}

if is_current "$1"; then exit 0; fi
wait_for_another_make
if is_current "$1"; then exit 0; fi

trap 'exit 130' INT TERM HUP
is_sound || rm -rf $venv
mkdir -p $venv
# Whoever creates the file goes on; the other one starts over, to wait.
(set -C; echo $$ >$venv/.busy) 2>/dev/null || exec sh scripts/environment.sh "$1"

say "Installing $lock into $venv ..."
if ! "$python" -c "$is_new_enough" 2>/dev/null; then make_venv; fi
pwd >$venv/.place
if ! cmp -s "$lock" "$venv/.locked-$1"; then
  install --require-hashes -r "$lock" || give_up "Could not install $lock."
  cp "$lock" "$venv/.locked-$1"
  # The tools' lock is made under the constraint of the other one, and contains it.
  if [ "$1" = dev ]; then cp requirements.lock $venv/.locked-run; fi
fi
install --no-build-isolation -e . || give_up "Could not install gatepost."
touch $venv/bin/gatepost
cp pyproject.toml $venv/.installed
rm $venv/.busy
