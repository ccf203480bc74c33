#!/usr/bin/env bash
# The one door to mitm-urlrewrite. It finds a Python, keeps .venv up to date and hands over; `./run.sh help` lists what it can do.
#
# What is installed carries a stamp: the Python's version, this folder's path and a checksum of the pinned requirements. A stamp
# is written last and taken away first, so that whatever an interrupted install leaves behind is made anew, never trusted.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
VENV=$ROOT/.venv
CACHE=$ROOT/.cache
APPS="dav devpi grpc jupyterlab oidc"

usage() {
  cat <<'EOF'
usage: ./run.sh [COMMAND] [ARGUMENTS]      each command has its own --help

  demo               (also without any command) demo backend, proxy with TLS, and mitmweb
  web RULES...       the proxy with your rules, seen in mitmweb
  proxy RULES...     the proxy with your rules, headless (mitmdump)
  init               print a rule file: the templates of IIS Manager, as YAML or web.config (init --list)
  schema             print the JSON Schema of rule files in YAML, which editors complete and check them by
  check RULES...     read, lint and test rule files
  explain RULES... URL               say what the rules do with one request, without any network
  explain RULES... --flow FILE       or with the requests and answers of a recording
  why URL [RULES...]                 load a page in a headless Chromium, and say what is broken in it, and why
  convert RULES... --to FORMAT       print them as web.config, applicationHost.config or YAML, or write them for nginx
  prove RULES... --to nginx          start nginx with what convert writes, and compare what both do with requests
  bench [PART...]    what a request costs, beside other proxies, as a table and as JSON; a PART says more
  test [PYTEST ARGS] install what the tests need, then lint and test; with arguments only pytest
  bench --against DIR [PART...]      this checkout and another one in turns (engine, content, request)
  measure [NAME]     what is too long for the suite: soak, fuzz, mutants, ...; without NAME the list
  lint               ruff and mypy
  help               this text

RULES are YAML files, web.config, applicationHost.config or .htaccess. A web.config says neither its public name nor its
backend: where no rule of it does, add --public https://www.example.com --backend http://privateserver:8080
EOF
}

fail() {
  printf 'run.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

say() { printf 'run.sh: %s\n' "$1" >&2; }

# --- finding a Python -----------------------------------------------------------------------------------------------------

# Prints every command that might be a Python, likely ones first. With pyenv, its real binaries stand behind the shims of PATH.
python_candidates() {
  [ -z "${PYTHON:-}" ] || command -v -- "$PYTHON" || true
  local name pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}
  for name in python3.14 python3.13 python3.12 python3 python; do
    type -aP "$name" || true
  done
  if [ -d "$pyenv/versions" ]; then
    find "$pyenv/versions" -mindepth 3 -maxdepth 3 -path '*/bin/python' | sort -rV
  fi
  if command -v uv >/dev/null; then
    uv python find --no-project '>=3.12' 2>/dev/null || true
  fi
}

# Prints the real binary behind a candidate (a shim, an activated environment) that runs, is new enough and can make environments;
# fails for any other.
vet_python() {
  local answer
  answer=$("$1" -I -c 'import sys
assert sys.version_info >= (3, 12)
import ensurepip, ssl, venv
print("python " + (getattr(sys, "_base_executable", "") or sys.executable))' 2>/dev/null </dev/null) || return 1
  [[ $answer == "python /"* ]] && printf '%s\n' "${answer#python }"
}

find_python() {
  local candidate
  while IFS= read -r candidate; do
    vet_python "$candidate" && return 0
  done < <(python_candidates)
  return 1
}

make_venv() { # DIRECTORY
  local python
  if python=$(find_python); then
    "$python" -I -m venv --clear "$1"
  elif ! command -v uv >/dev/null || ! uv venv --quiet --clear --seed --python 3.13 "$1"; then
    echo "run.sh: needs Python 3.12 or newer with its venv module: apt-get install python3 python3-venv, pyenv install 3.13, or set PYTHON"
    return 1
  fi
}

# --- installing -----------------------------------------------------------------------------------------------------------

stamp_of() { # ENVIRONMENT REQUIREMENTS; fails where the environment's Python does not run
  local version
  version=$("$1/bin/python" -I -S -c 'import sys; print(sys.version)' 2>/dev/null) || return 1
  printf '%s\n%s\n%s\n' "$version" "$1" "$(cksum <"$2")"
}

is_installed() { # ENVIRONMENT REQUIREMENTS NAME-OF-STAMP
  local stamp=$1/.stamp-$3
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(stamp_of "$1" "$2")" ]
}

# Shows what a command prints only if it fails.
quietly() {
  local log=$CACHE/quietly.$BASHPID.log status=0
  "$@" >"$log" 2>&1 </dev/null || { status=$? && cat "$log" >&2; }
  rm -f "$log"
  return "$status"
}

# An environment is kept only if its first stamp says that it was once made whole, here, by the Python that it still has.
is_sound() { # ENVIRONMENT
  local stamp=$1/.stamp-requirements found
  [ -f "$stamp" ] && found=$(stamp_of "$1" /dev/null) && [ "$(sed '$d' "$stamp")" = "$(sed '$d' <<<"$found")" ]
}

install_now() { # ENVIRONMENT REQUIREMENTS NAME-OF-STAMP
  is_installed "$@" && return 0
  say "setting up ${1#"$ROOT"/} from ${2#"$ROOT"/} ..."
  if ! is_sound "$1"; then
    rm -f "$1"/.stamp-*
    quietly make_venv "$1" || return 1
  fi
  rm -f "$1/.stamp-$3"
  if ! quietly "$1/bin/python" -I -m pip install --quiet --no-input --disable-pip-version-check -r "$2"; then
    say "installing ${2#"$ROOT"/} failed: see above"
    return 1
  fi
  stamp_of "$1" "$2" >"$1/.stamp-$3.new" && mv "$1/.stamp-$3.new" "$1/.stamp-$3"
}

# The same for what can be done without. It is tried once for each environment: a failure leaves its stamp, too.
install_quicker_now() { # ENVIRONMENT REQUIREMENTS NAME-OF-STAMP
  is_installed "$@" && return 0
  local log=$CACHE/quicker.log
  if ! "$1/bin/python" -I -m pip install --quiet --no-input --disable-pip-version-check --only-binary=:all: -r "$2" >"$log" 2>&1 </dev/null; then
    say "no ${2#"$ROOT"/} for this Python (see ${log#"$ROOT"/}): all works without, but slower; to try again, rm ${1#"$ROOT"/}/.stamp-$3"
  fi
  stamp_of "$1" "$2" >"$1/.stamp-$3.new" && mv "$1/.stamp-$3.new" "$1/.stamp-$3"
}

# Two run.sh at once: the second waits for the first one's install, where flock can be had.
ensure() { # ENVIRONMENT REQUIREMENTS NAME-OF-STAMP [FUNCTION THAT INSTALLS]
  local install=${4:-install_now}
  set -- "${@:1:3}"
  is_installed "$@" && return 0
  mkdir -p "$CACHE/apps"
  if ! command -v flock >/dev/null; then
    "$install" "$@"
    return
  fi
  (
    flock -n 9 || { say "waiting for another run.sh to finish setting up ..." && flock 9; }
    "$install" "$@" 9>&-
  ) 9>"$CACHE/setup.lock"
}

ensure_runtime() {
  ensure "$VENV" "$ROOT/requirements.txt" requirements || exit 1
  ensure "$VENV" "$ROOT/requirements-speed.txt" speed install_quicker_now || true
}

ensure_tests() {
  ensure_runtime
  ensure "$VENV" "$ROOT/tests/requirements.txt" tests || exit 1
}

# --- what only the end-to-end tests need: where it cannot be had, the tests concerned are skipped by name -------------------

missing_debian_packages() {
  command -v chromium >/dev/null || printf 'chromium '
  command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] || printf 'haproxy '
  command -v litmus >/dev/null || printf 'litmus '
  command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || printf 'nginx-light '
  [ -e /usr/lib/nginx/modules/ngx_http_js_module.so ] || printf 'libnginx-mod-http-js '
  command -v wrk >/dev/null || printf 'wrk '
}

ensure_debian_packages() {
  local packages log=$CACHE/apt-get.log
  local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
  packages=$(missing_debian_packages)
  [ -n "$packages" ] || return 0
  command -v apt-get >/dev/null || return 0
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || return 0
    apt=(sudo -n "${apt[@]}")
  fi
  say "installing Debian packages for the tests: $packages..."
  mkdir -p "$CACHE"
  # shellcheck disable=SC2086 # a list of words
  if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    say "not all of them could be installed; the tests that need them will be skipped"
  fi
}

ensure_apps() {
  local app
  for app in $APPS; do
    ensure "$CACHE/apps/$app" "$ROOT/tests/e2e/apps/$app.txt" requirements || say "the tests with $app will be skipped"
  done
}

# --- commands -------------------------------------------------------------------------------------------------------------

run_module() { # MODULE ARGUMENTS...
  ensure_runtime
  PYTHONPATH=$ROOT/addons exec "$VENV/bin/python" -P -m "$@"
}

lint() {
  cd "$ROOT"
  "$VENV/bin/ruff" check --quiet . && "$VENV/bin/ruff" format --check . && "$VENV/bin/mypy" --no-error-summary
}

command_lint() {
  case ${1:-} in
    '') ;;
    -h | --help) echo "usage: ./run.sh lint      ruff check, ruff format --check and mypy --strict" && exit ;;
    *) fail "lint takes no arguments" 2 ;;
  esac
  ensure_tests
  lint
}

test_usage() {
  cat <<'EOF'
usage: ./run.sh test [PYTEST ARGUMENTS]

Without arguments: installs what the tests need (Debian packages too, as root or where sudo asks no password), then ruff, mypy and
the whole suite. With arguments only pytest runs, in the project's folder: ./run.sh test tests/engine -k rewrite
What is missing is skipped by name; with CI=true that is a failure, unless nobody could have installed it (the folder shared/
beside the project).
EOF
}

# Tests start hundreds of processes, of which each would compile everything where Python is told to keep no compiled files.
keep_compiled_files() {
  [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] || return 0
  unset PYTHONDONTWRITEBYTECODE
  export PYTHONPYCACHEPREFIX=$CACHE/compiled
}

command_test() {
  case ${1:-} in -h | --help) test_usage && exit ;; esac
  ensure_tests
  keep_compiled_files
  if [ $# -eq 0 ] || [[ " $* " == *e2e* ]]; then
    ensure_debian_packages
    ensure_apps
  fi
  if [ $# -eq 0 ]; then
    lint || fail "lint found something: see above"
    # Many tests wait more than they compute: one process more than there are processors. Browsers need theirs, too.
    set -- -n "$(($(getconf _NPROCESSORS_ONLN) + 1))" --maxprocesses 5 --dist loadfile --no-loadscope-reorder
  fi
  cd "$ROOT"
  exec "$VENV/bin/python" -m pytest "$@"
}

command_bench() {
  ensure_tests
  PYTHONPATH=$ROOT/addons exec "$VENV/bin/python" -P "$ROOT/tests/bench/main.py" "$@"
}

command_measure() {
  ensure_tests
  exec "$VENV/bin/python" -P "$ROOT/tests/measure.py" "$@"
}

main() {
  local command=${1:-demo}
  [ $# -eq 0 ] || shift
  case $command in
    demo | web | proxy) run_module urlrewrite.cli.serve "$command" "$@" ;;
    why) run_module urlrewrite.cli.why "$@" ;;
    init | schema | check | explain | convert | prove) run_module urlrewrite.cli.main "$command" "$@" ;;
    test) command_test "$@" ;;
    lint) command_lint "$@" ;;
    bench) command_bench "$@" ;;
    measure) command_measure "$@" ;;
    help | -h | --help) usage ;;
    *) fail "unknown command '$command'; ./run.sh help lists them" 2 ;;
  esac
}

main "$@"
