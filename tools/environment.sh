# Sourced by ./check and ./demo: what they need on a machine that has python3 and git.
#
# System packages come by apt, as root or through sudo; without either, what is missing is named.
# Python packages go into .venv, the package itself is built there by the installed compiler.

VENV=${VENV:-.venv}
PY=$VENV/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# install_system PACKAGE...: install by apt, removing nothing, or return 1.
install_system() {
  local as_root=()
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || return 1
    as_root=(sudo)
  fi
  echo "installing $* by apt" >&2
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends --no-remove "$@")
  "${install[@]}" >/dev/null 2>&1 && return
  # The package lists are old, or were never fetched.
  "${as_root[@]}" apt-get update -qq >&2 && "${install[@]}" >/dev/null
}

# system_packages: print the packages that building and running needs and that aren't there.
system_packages() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  command -v gcc >/dev/null || echo gcc
  echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1 || echo libc6-dev
  python3 -c 'import os, sysconfig as s
os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null || echo python3-dev
}

ensure_system() {
  command -v python3 >/dev/null || die "python3 is not installed"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "python3 is older than 3.11"
  local missing
  missing=$(system_packages)
  [ -z "$missing" ] && return
  # shellcheck disable=SC2086
  install_system $missing || die "install" $missing "and try again"
}

# install_package [EXTRA,...]: build this tree and install it, with what the extras name.
install_package() {
  ensure_system
  [ -x "$PY" ] || python3 -m venv "$VENV" || die "can't make $VENV"
  # Without build isolation the second build compiles only what has changed.
  "$PY" - >"$VENV/build-requires.txt" <<'PYTHON' || die "can't read pyproject.toml"
import tomllib
with open("pyproject.toml", "rb") as file:
    settings = tomllib.load(file)
extra = settings["project"]["optional-dependencies"]["build"]
print(*settings["build-system"]["requires"], *extra, sep="\n")
PYTHON
  "$PY" -m pip install -q -r "$VENV/build-requires.txt" || die "pip failed"
  mkdir -p "build/$(basename "$VENV")"
  # meson and ninja are looked up in PATH.
  PATH="$PWD/$VENV/bin:$PATH" "$PY" -m pip install -q --no-build-isolation \
    --config-settings=build-dir="build/$(basename "$VENV")" ".${1:+[$1]}" || die "the build failed"
}
