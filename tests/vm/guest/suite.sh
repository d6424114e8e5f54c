# What the suites share; sourced in the guest, as root. A suite defines functions named test_… and ends with run_tests. Each
# runs in a shell of its own with errexit; the first failing command fails the test and its output is shown.
set -u
BB=coracle/busybox

# A login session of the ordinary user, as ssh would make it: PAM, logind, the user's own systemd.
as() { # USER COMMAND...
    local user=$1
    shift
    su -l "$user" -c "$(printf '%q ' "$@")" </dev/null
}
tester() { as tester "$@"; }
# One line for the user's shell.
script() { as tester bash -ec "$1"; }

fail() {
    printf '%s\n' "$@"
    return 1
}
is() { [ "$1" = "$2" ] || fail "${3:-value}:" "  got:  $(printf %q "$1")" "  want: $(printf %q "$2")"; }
has() { [[ "$1" == *"$2"* ]] || fail "missing: $2" "in: $1"; }
hasnt() { [[ "$1" != *"$2"* ]] || fail "unexpected: $2" "in: $1"; }
eventually() {
    local i
    for i in $(seq 300); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.2
    done
    fail "never came true: $*"
}

run_tests() {
    local t out rc bad=0
    set +e
    for t in $(declare -F | sed -n 's/^declare -f test_/test_/p' | grep -E -- "${ONLY:-.}"); do
        # Not in a condition: there errexit would count for nothing.
        out=$(set -e; "$t" 2>&1)
        rc=$?
        if [ $rc = 0 ]; then
            echo "ok ${t#test_}"
        else
            bad=1
            echo "not ok ${t#test_}"
            sed 's/^/#   /' <<<"$out"
        fi
        tester coracle pod rm -fa -t 0 >/dev/null 2>&1 || true
        tester coracle rm -fa -t 0 >/dev/null 2>&1 || true
    done
    return $bad
}
