# shellcheck shell=bash
# Makes what environment.sh looks for: Debian packages, virtual environment, reference guest. Sourced; stdout is not the user's.
#
# Safe to interrupt and to start twice: there is one lock, every stage can be done again, and a stamp follows what it stands for.

# The two come from environment.sh.
: "${root:?}" "${venv:?}"
# shellcheck source-path=SCRIPTDIR source=packages.sh
. "$root/scripts/lib/packages.sh"

say() { printf 'harness set-up: %s\n' "$*"; }

# Nothing has run yet, so every failure here has the exit code for usage and configuration.
give_up() {
    say "$@"
    exit 2
}

# Runs a command with its output in the log, and shows the end of it if it fails.
logged() {
    printf '\n+ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 || {
        tail -n 15 -- "$log" | sed 's/^/    /'
        give_up "failed; all of its output is in $log"
    }
}

set_up() {
    local key=$1 log=$venv.log lock started=$SECONDS missing=() as_root=()
    if ! is_ready "$venv" "$key"; then
        find_missing_packages
        find_rights_to_install
    fi
    if [[ -e $venv && ! -e $log ]]; then
        give_up "$venv was not made by this script, which would replace it. Move it away."
    fi
    { mkdir -p -- "${venv%/*}" && touch -- "$log"; } 2>/dev/null ||
        give_up "may not write to ${venv%/*}. Set XDG_CACHE_HOME to a folder to install to."

    # pip outlives a Ctrl-C that bash has seen by a moment and then exits in its own way: only a trap gives 130 for certain.
    trap 'say "interrupted; the next use goes on from here"; exit 130' INT TERM
    exec {lock}>"$venv.lock"
    flock --nonblock "$lock" || {
        say "another one is at work in this checkout; waiting for it"
        flock "$lock"
    }
    : >"$log"
    if ! is_ready "$venv" "$key"; then # it may have been made while waiting
        say "installing what the harness needs; details in $log"
        rm -f -- "$venv/setup.stamp"
        install_debian_packages
        install_python_packages
        install_project
        printf '%s\n' "$key" >"$venv/setup.stamp"
    fi
    build_reference_guest
    say "ready, after $((SECONDS - started)) s"
    exec {lock}>&- # what the harness starts must not hold it
    trap - INT TERM
}

# Sets `missing` to the entries of debian_packages whose probes fail; to all of them after an installation that was cut short, whose
# files may be there but not configured.
find_missing_packages() {
    local entry probe what
    missing=("${debian_packages[@]}")
    [[ ! -e $venv.apt ]] || return 0
    missing=()
    for entry in "${debian_packages[@]}"; do
        read -r _ probe what <<<"$entry"
        is_there "$probe" "$what" || missing+=("$entry")
    done
}

# Sets `as_root` to what goes before a command that installs. Where packages are missing and nothing may be installed, says so and ends.
find_rights_to_install() {
    local entry package what obstacle=
    ((EUID == 0)) || as_root=(sudo -n)
    ((${#missing[@]})) || return 0
    if ! type -P apt-get >/dev/null; then
        obstacle="there is no apt-get on PATH"
    elif ! "${as_root[@]}" true 2>/dev/null; then
        obstacle="this user is not root and has no sudo without a password"
    fi
    [[ $obstacle ]] || return 0
    say "these Debian packages are missing, and $obstacle:"
    for entry in "${missing[@]}"; do
        read -r package _ what <<<"$entry"
        printf '    %-22s gives %s\n' "$package" "${what:-Python 3.11 or later with venv}"
    done
    give_up "have an administrator run: apt-get install --no-install-recommends ${missing[*]%% *}"
}

install_debian_packages() {
    local apt_get
    find_missing_packages # once more: another checkout's set-up may have installed them meanwhile
    if ((${#missing[@]} == 0)); then
        say "[1/4] Debian packages: all there"
        return
    fi
    say "[1/4] Debian packages: ${missing[*]%% *}"
    apt_get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o DPkg::Lock::Timeout=600)
    : >"$venv.apt"
    # Neither has to succeed: a half-installed package may lack what --fix-broken brings, and one unreachable source of several
    # is no reason to stop. The installation shows whether it was enough.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >>"$log" 2>&1 || true
    "${apt_get[@]}" update >>"$log" 2>&1 || true
    logged "${apt_get[@]}" install --fix-broken --no-install-recommends "${missing[@]%% *}"
    rm -f -- "$venv.apt"
}

install_python_packages() {
    local key python
    key=$(sha256sum -- "$root/scripts/requirements.lock")
    ! has_stamp "$venv" packages "$key" || return 0
    python=$(find_python) || give_up "no Python 3.11 or later with venv${HARNESS_PYTHON:+: HARNESS_PYTHON is $HARNESS_PYTHON}"
    say "[2/4] virtual environment: $venv, with $python"
    rm -f -- "$venv"/*.stamp # first: a removal cut short must not leave a half with its stamp
    rm -rf -- "$venv"
    logged "$python" -m venv -- "$venv"
    printf '%s\n' "${HARNESS_PYTHON:-}" >"$venv/python.stamp"
    say "[3/4] Python packages: scripts/requirements.lock"
    # Wheels only: what the build of a source package downloads has no hash in the lock.
    pip_install --require-hashes --only-binary=:all: --requirement "$root/scripts/requirements.lock"
    printf '%s\n' "$key" >"$venv/packages.stamp"
}

# The checkout itself, as a link: that gives it its metadata and entry points.
install_project() {
    pip_install --no-index --no-deps --no-build-isolation --editable "$root"
}

pip_install() {
    # The user's own pip settings may choose the index, but no other place to install to.
    PIP_USER=0 PIP_TARGET='' PIP_PREFIX='' PIP_ROOT='' \
        logged "$venv/bin/python" -I -m pip --no-input --disable-pip-version-check install "$@"
}

build_reference_guest() {
    local build=$root/images/reference/build
    ! guest_is_built || return 0
    say "[4/4] reference guest: images/reference"
    mkdir -p -- "$build"
    : >"$build/setup.started"
    logged make -C "$root/images/reference"
    mv -- "$build/setup.started" "$build/setup.stamp"
}
