# The same command line given to coracle and to podman: stdout, exit code and, masked, stderr compared. setup() empties
# $MISMATCHES.

# A test goes through all of its lines, and fails at the end with all that differ.
agree() { [ -z "$MISMATCHES" ] || fail "$MISMATCHES"; }
note() { MISMATCHES+="--- $*"$'\n'; }

# Ids, names, times, program names and runtimes are each machine's or program's own.
mask() {
    sed -E -e 's/[0-9a-f]{64}/ID64/g' -e 's/\b[0-9a-f]{12}\b/ID12/g' -e 's/(coracle|podman)/PROGRAM/g' \
        -e 's,[^ ]*crun(-here)?:,RUNTIME:,g' -e 's/Less than a second|About a minute|[0-9]+ (second|minute)s?/SOMETIME/g' \
        -e 's/20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+( ?[-+Z][0-9:]*)?( [A-Z]+)?/TIME/g' -e 's/ +/ /g' -e 's/[[:space:]]+$//' \
        -e 's,PROGRAM-pause:[0-9.-]+,PAUSE,g' -e '/^See .*--help/d' -e 's,file descriptor [0-9]+,FD,'
}

run_one() { # PROGRAM ARGS...
    local each=$1
    shift
    $each "$@" >"$FILE_DIR/$each.out" 2>"$FILE_DIR/$each.err" </dev/null && echo 0 >"$FILE_DIR/$each.rc" || echo $? >"$FILE_DIR/$each.rc"
}

run_both() {
    local each stream
    run_one coracle "$@"
    run_one podman "$@"
    # On a busy machine podman loses what a quick container printed now and then.
    if [ "$1" = run ] && [ -s "$FILE_DIR/coracle.out" ] && [ ! -s "$FILE_DIR/podman.out" ]; then run_one podman "$@"; fi
    for each in coracle podman; do
        for stream in out err; do
            mask <"$FILE_DIR/$each.$stream" >"$FILE_DIR/$each.$stream.masked"
        done
    done
    local ours theirs
    ours=$(cat "$FILE_DIR/coracle.rc") theirs=$(cat "$FILE_DIR/podman.rc")
    [ "$ours" = "$theirs" ] || note "exit code $ours instead of $theirs: $*: $(cat "$FILE_DIR/coracle.err" "$FILE_DIR/podman.err")"
}

# exit code and stdout are equal
out() {
    run_both "$@"
    local d
    d=$(diff "$FILE_DIR/podman.out.masked" "$FILE_DIR/coracle.out.masked") || note "stdout (< podman, > coracle) of: $*"$'\n'"$d"
}

# and stderr
all() {
    out "$@"
    local d
    d=$(diff "$FILE_DIR/podman.err.masked" "$FILE_DIR/coracle.err.masked") || note "stderr (< podman, > coracle) of: $*"$'\n'"$d"
}

# and neither says anything on stderr, or both do
code() {
    run_both "$@"
    [ "$(test -s "$FILE_DIR/coracle.err"; echo $?)" = "$(test -s "$FILE_DIR/podman.err"; echo $?)" ] ||
        note "only one of both says something: $*: $(cat "$FILE_DIR/coracle.err" "$FILE_DIR/podman.err")"
}
