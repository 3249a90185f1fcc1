# shellcheck shell=bash
# Finds what this checkout runs in and makes it on first use. Sourced; gives $root and, after prepare_environment, $venv.
#
# What is here runs at every start and must stay cheap: it reads a few files and forks twice (cd, sha256sum).

root=$(CDPATH='' cd -P -- "${BASH_SOURCE[0]%/*}/../.." && pwd)
venv=

# Everything the set-up was made from. sha256sum names each file by its full path, so a moved or copied checkout differs too.
setup_key() {
    sha256sum -- "$root"/scripts/requirements.lock "$root"/scripts/lib/*.sh "$root"/pyproject.toml
}

# has_stamp FOLDER STAGE KEY: that stage of the set-up in FOLDER was finished for KEY.
has_stamp() {
    # python is a link to the minor version that it was made with: it dangles once that version is gone.
    [[ -x $1/bin/python && -r $1/$2.stamp && $(<"$1/$2.stamp") == "$3" ]] || return 1
    [[ -z ${HARNESS_PYTHON:-} || $HARNESS_PYTHON == "$(<"$1/python.stamp")" ]]
}

is_ready() { has_stamp "$1" setup "$2"; }

# The stamp has the time before make was started, so a source saved while it ran is built the next time.
guest_is_built() {
    local folder=$root/images/reference stamp=$root/images/reference/build/setup.stamp source
    [[ -e $folder/Makefile && -w $folder ]] || return 0 # a run that needs it and lacks it says so itself
    [[ -e $stamp ]] || return 1
    for source in "$folder"/Makefile "$folder"/*.[chS] "$folder"/*.ld "$folder"/*/*.[chS]; do
        [[ ! $source -nt $stamp ]] || return 1
    done
}

# Where a user who may not write to the checkout keeps a set-up of their own.
private_venv() {
    local cache=${XDG_CACHE_HOME:-${HOME:-}/.cache} digest
    digest=$(sha256sum <<<"$root")
    printf '%s\n' "$cache/rayos-harness/${digest:0:16}/venv"
}

prepare_environment() {
    local key
    unset PYTHONHOME # set for another Python it would break ours
    unset PYTHONDONTWRITEBYTECODE # compiling the harness anew at each start would cost 0.1 s
    key=$(setup_key)
    venv=$root/.venv
    is_ready "$venv" "$key" || can_install_to "$venv" || venv=$(private_venv)
    if is_ready "$venv" "$key" && guest_is_built; then
        return
    fi
    # shellcheck source-path=SCRIPTDIR source=setup.sh
    . "$root/scripts/lib/setup.sh"
    # Neither the user's piped input nor their --json document may meet the output of an installer.
    set_up "$key" </dev/null >&2
}

# Its log and lock lie beside the folder, so both have to be writable.
can_install_to() {
    [[ -w ${1%/*} && (! -e $1 || -w $1) ]]
}
