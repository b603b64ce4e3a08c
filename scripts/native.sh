#!/bin/sh
# Builds Argon2 for this machine's processor: the hashes of the wheel, in about half its time.
#   sh scripts/native.sh
# Called by `make install NATIVE=1`, after .venv is up to date. The result is .venv/argon2-native, beside the
# wheel and not in its place: `ARGON2_BACKEND=auto` takes it where it can run. Does nothing when it is there.
#
# The source is the one in requirements.lock; what builds it is in requirements-native.lock, and is put into
# a folder that is deleted again. Hashes are demanded of all of it.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
python=$venv/bin/python
native=$venv/argon2-native
package=argon2-cffi-bindings
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"

say() { printf '%s\n' "$@" >&2; }
die() { say "$@"; exit 1; }

# The lines of requirements.lock that name the package and its hashes.
locked() { awk -v name="$package==" 'index($0, name) == 1 { on = 1 } on { print } on && !/\\$/ { exit }' requirements.lock; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
locked >"$work/source"

if cmp -s "$work/source" $native/source && "$python" -m gatepost.security.argon2 >/dev/null 2>&1; then exit 0; fi

compiler=${CC:-cc}
command -v "$compiler" >/dev/null 2>&1 || die \
  "There is no C compiler by the name $compiler, which a native build needs." \
  "Debian and Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; Alpine: apk add gcc musl-dev;" \
  "macOS: xcode-select --install. Or go without: make install uses the published build."
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -e "$headers/Python.h" ] || die \
  "Python's headers are not there ($headers/Python.h), which a native build needs." \
  "Debian and Ubuntu: apt install python3-dev; Fedora: dnf install python3-devel; Alpine: apk add python3-dev."

flag=-march=native
echo 'int main(void) { return 0; }' >"$work/try.c"
"$compiler" $flag -o "$work/try" "$work/try.c" 2>/dev/null || flag=-mcpu=native
"$compiler" $flag -o "$work/try" "$work/try.c" 2>"$work/log" || { cat "$work/log" >&2; die "$compiler cannot build for this processor."; }

# install <python> <arguments>
install() {
  into=$1
  shift
  if command -v uv >/dev/null 2>&1; then
    uv pip install -q --python "$into" --no-deps --require-hashes "$@"
  else
    "$into" -m pip install -q --disable-pip-version-check --no-input --no-deps --require-hashes "$@"
  fi
}

say "Building Argon2 for this processor into $native ..."
if command -v uv >/dev/null 2>&1; then uv venv -q --python "$python" "$work/tools"; else "$python" -m venv "$work/tools"; fi
install "$work/tools/bin/python" -r requirements-native.lock || die "Could not install requirements-native.lock."
# No cache: it could hold a build for another processor.
if ! PATH="$work/tools/bin:$PATH" CC="$compiler" CFLAGS="-O3 $flag" install "$work/tools/bin/python" --no-cache-dir \
  --no-build-isolation --no-binary "$package" --target "$work/built" -r "$work/source" >"$work/log" 2>&1
then
  cat "$work/log" >&2
  die "Could not build $package. The service does without: make install."
fi

rm -rf $native
mkdir -p $native
cp "$work/built/_argon2_cffi_bindings/"_ffi* $native/
"$python" -m gatepost.security.argon2 $native || { rm -rf $native; die "The build does not work on this processor."; }
cp "$work/source" $native/source
