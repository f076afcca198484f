# Sourced by the other scripts: goes to the repository and makes its environment, .venv, once.
#
#   prepare_environment user|dev     installs requirements.txt or requirements-dev.txt, in the versions of
#                                    constraints.txt
#   prepare_node                     installs what package-lock.json names into node_modules, for checks of the page's
#                                    scripts; the page itself needs no node
#   $python, $repository, $caller    the environment's interpreter, the repository, the folder we were called from
#
# A stamp in .venv (and in node_modules) holds a checksum of the requirement files, so that the next start installs
# nothing and needs no network. $PYTHON chooses the interpreter that makes .venv.

set -euo pipefail

name="scripts/$(basename -- "$0")"
unset CDPATH
caller=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
repository=$PWD
python=$repository/.venv/bin/python

# Packages of other environments must not shine through.
unset PYTHONPATH PYTHONHOME

stop() {
  printf '%s: %s\n' "$name" "$1" >&2
  exit 2
}

new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# The first Python of at least 3.11: $PYTHON if set, else python3 and its numbered kin.
find_python() {
  local candidate
  if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" || stop "PYTHON is '$PYTHON', which is no Python 3.11 or newer: set it to one"
    printf '%s' "$PYTHON"
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11 python; do
    if new_enough "$candidate"; then
      printf '%s' "$candidate"
      return
    fi
  done
  local found
  found=$(python3 --version 2>/dev/null || echo "no python3")
  stop "Python 3.11 or newer is needed, and $found was found: install one from python.org or your system's packages, then start again"
}

make_environment() {
  local base
  base=$(find_python)
  "$base" -c 'import ensurepip, venv' 2>/dev/null ||
    stop "this Python cannot make environments (ensurepip is missing): on Debian and Ubuntu run 'sudo apt install python3-venv', then start again"
  echo "$name: making the environment .venv with $("$base" --version) ..." >&2
  if ! "$base" -m venv --clear .venv; then
    rm -rf .venv
    stop "the environment .venv could not be made (see above)"
  fi
}

install_packages() {
  local requirements=$1
  local log=$repository/.venv/install.log
  echo "$name: installing $requirements into .venv; this happens once and takes some minutes (progress: $log) ..." >&2
  if "$python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
    -r "$requirements" -c constraints.txt >"$log" 2>&1; then
    return
  fi
  grep -E '^(ERROR|error)' "$log" | tail -n 5 >&2 || true
  if grep -qE 'NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|Network is unreachable|[Cc]onnection (broken|reset|refused)|Temporary failure' "$log"; then
    stop "the packages could not be downloaded: check the network connection, then start again (details: $log)"
  fi
  stop "the packages could not be installed (details: $log)"
}

prepare_environment() {
  local requirements stamp sum
  local -a files
  case "$1" in
    user) requirements=requirements.txt files=(requirements.txt constraints.txt) ;;
    dev) requirements=requirements-dev.txt files=(requirements.txt requirements-dev.txt constraints.txt) ;;
  esac
  # A .venv that was moved, or whose Python was removed, is made anew.
  new_enough "$python" || make_environment
  stamp=.venv/installed-$1
  sum=$(cat -- "${files[@]}" | cksum)
  if [ ! -f "$stamp" ] || [ "$(cat -- "$stamp")" != "$sum" ]; then
    install_packages "$requirements"
    printf '%s\n' "$sum" >"$stamp"
  fi
}

prepare_node() {
  local sum log=$repository/.venv/npm.log
  command -v node >/dev/null && command -v npm >/dev/null ||
    stop "the page's scripts are checked with Node.js, and node or npm is missing: install Node.js 18 or newer (nodejs.org, or your system's packages nodejs and npm)"
  sum=$(cat -- package.json package-lock.json | cksum)
  [ -f node_modules/installed ] && [ "$(cat -- node_modules/installed)" = "$sum" ] && return
  echo "$name: installing package-lock.json into node_modules (progress: $log) ..." >&2
  npm ci --ignore-scripts --no-audit --no-fund >"$log" 2>&1 ||
    stop "the packages of package-lock.json could not be installed: check the network connection, then start again (details: $log)"
  printf '%s\n' "$sum" >node_modules/installed
}
