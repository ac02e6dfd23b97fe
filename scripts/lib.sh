# Sourced by the scripts beside it: goes to the checkout, finds Python, makes .venv. Defines `root` and `set_up`.
# shellcheck shell=bash

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root" || exit 1

say() { printf '%s\n' "$*" >&2; }

as_root() { if [ "$(id -u)" -eq 0 ]; then printf '%s' "$*"; else printf 'sudo %s' "$*"; fi; }

# The system's own Python comes first: its maintainers mend it, and it is built for speed, which is a quarter here; one
# that somebody has compiled often is not. HOOP_PYTHON names another. Any that can make no .venv is the last choice.
find_python() {
    local name needs
    for needs in 'import ensurepip, venv' ''; do
        for name in "${HOOP_PYTHON:-/usr/bin/python3}" python3 python3.14 python3.13 python3.12 python3.11; do
            if "$name" -ISc "import sys; sys.version_info < (3, 11) and sys.exit(1); $needs" 2>/dev/null; then
                printf '%s' "$name"
                return
            fi
        done
    done
    say "Python 3.11 or newer is needed, and there is none on PATH. On Debian 12: $(as_root apt-get install python3 python3-venv)"
    return 1
}

# set_up [--dev]: .venv as requirements.lock, or with --dev requirements-dev.lock, says.
set_up() {
    local python
    python="$(find_python)" || exit 1
    "$python" -I scripts/make_venv.py "$@" || exit $?
}
