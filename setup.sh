#!/usr/bin/env bash
# Makes the grader's own Python environment in .venv beside this file; does nothing when it is already right.
#
#   ./setup.sh          what grading needs
#   ./setup.sh dev      also what the tests need (pytest, ruff, mypy, …)
#
#   TORCH_INDEX_URL     where pip looks for torch (a CPU wheel index); without it pip's own configuration counts,
#                       and in a Gradescope image the public CPU index
#   TORCH_VERSION       another torch than the one tested
#   PYTHON              another Python, 3.11 or newer
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
extra="${1:-}"
torch_version="${TORCH_VERSION:-2.13.0}"
venv="$here/.venv"
stamp="$venv/.grader-setup"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

is_new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 && is_new_enough "$candidate"; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

system_packages() {  # only as root on Debian or Ubuntu, only what is missing
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
  local wanted=()
  find_python >/dev/null || wanted+=(python3.11 python3.11-venv)
  ldconfig -p 2>/dev/null | grep -q 'libseccomp\.so\.2' || wanted+=(libseccomp2)
  [ "${#wanted[@]}" = 0 ] && return 0
  say "installing ${wanted[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2 ||
    say "apt-get could not install ${wanted[*]}; going on without"
}

if command -v flock >/dev/null 2>&1; then  # two runs at once wait for each other
  exec 9> "$here/.setup.lock"
  flock 9
fi
system_packages
python="$(find_python)" || fail "no Python 3.11 or newer was found; install one, or name it: PYTHON=/path/to/python3.11 ./setup.sh"

home="$("$python" -VV | tr '\n' ' ')at $here"                    # another Python or place needs a new environment
wanted="torch $torch_version, $(cksum < "$here/pyproject.toml")"  # other needs are installed into the one there is
has() { [ -f "$stamp" ] && grep -qxF "$1" "$stamp"; }
if has "$home" && has "$wanted" && { [ "$extra" != dev ] || has dev; }; then
  exit 0
fi

if ! has "$home" || [ ! -x "$venv/bin/python" ]; then
  say "making $venv with $("$python" -V)"
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

install_torch() {
  local index="${TORCH_INDEX_URL:-}"
  if "$venv/bin/python" -c 'import importlib.metadata as m, sys; sys.exit(m.version("torch").split("+")[0] != sys.argv[1])' \
      "$torch_version" >/dev/null 2>&1; then
    return 0
  fi
  say "installing torch $torch_version"
  if [ -z "$index" ] && [ "$(uname -s)" = Linux ] && [ "$here" = /autograder/source ]; then
    index=https://download.pytorch.org/whl/cpu
    pip install --quiet --index-url "$index" "torch==$torch_version" && return 0
    say "that index gives no torch $torch_version here; trying pip's own configuration"
    pip install --quiet "torch==$torch_version+cpu" 2>/dev/null && return 0
    say "a build for GPUs is taken: it needs 250 MB more memory, so give the container 1.5 GB"
    index=""
  fi
  pip install --quiet ${index:+--index-url "$index"} "torch==$torch_version"
}

say "installing the grader into $venv (a few minutes the first time)"
install_torch
target="$here"
if [ "$extra" = dev ] || has dev; then
  extra=dev
  target="$here[dev]"
fi
pip install --quiet -e "$target"

# As root (Gradescope): the student user must not read the answers, whatever other layer fails.
[ "$(id -u)" != 0 ] || chmod -R go-rwx "$here/reference"

{ echo "$home"; echo "$wanted"; if [ "$extra" = dev ]; then echo dev; fi; } > "$stamp"
say "ready: $venv/bin/grader"
