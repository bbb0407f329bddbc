#!/bin/sh
# Everything that must hold before a change is handed on: `npm run check`.
# Asks nothing, needs no terminal, and stops at the first step that fails, naming it.
set -u
cd "$(dirname "$0")/.." || exit 1
exec </dev/null

step() {
  name=$1
  shift
  printf '\n== %s\n' "$name"
  "$@" || {
    printf '\ncheck FAILED at step: %s\n' "$name" >&2
    exit 1
  }
}

# Runs a command as root, or fails where this user may not.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

may_install() {
  command -v apt-get >/dev/null 2>&1 || return 1
  [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Acquire::http::Timeout=30 -o DPkg::Lock::Timeout=60 "$@"
}

# The test runner knows which commands the suites start and which packages bring them.
install_packages() {
  packages=$(node dist/test/run.js --missing-packages) || return 1
  if [ -z "$packages" ]; then
    echo 'none is missing'
    return 0
  fi
  if ! may_install; then
    echo "missing, and this user may not install them: $packages"
    echo 'the suites that need them will be reported as not run, which fails the check'
    return 0
  fi
  echo "installing with apt-get: $packages"
  # A fresh container has no package lists; a long-lived one needs no update.
  # shellcheck disable=SC2086 # one word per package
  apt_install $packages || { as_root apt-get update -qq && apt_install $packages; }
}

step lint npm run --silent lint
step build npm run --silent build
step packages install_packages
step 'bench smoke run' node dist/bench/run.js --smoke
# Last, so that the totals are the last thing printed.
step tests env FXN_REQUIRE_ALL=1 node dist/test/run.js
