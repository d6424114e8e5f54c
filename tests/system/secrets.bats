#!/usr/bin/env bats
# Secrets: create, ls, inspect, rm, exists, and containers that use them.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
teardown() {
    coracle rm -fa -t 0 >/dev/null
    coracle secret rm -a >/dev/null
    is "$(ls -A "$ROOT/secrets" 2>/dev/null)" "" "what is left of secrets"
    clean
}

mask() { sed -E 's/\b[0-9a-f]{25}\b/ID/g; s/"[0-9T:.-]{19,}Z"/"TIME"/g; s/2[0-9]{3}-[0-9]{2}-[0-9]{2} [0-9:.]+ \+0000 UTC/TIME/g; s#"path": "[^"]*"#"path": "PATH"#; s/(Less than a|[0-9]+) seconds? ago/SOME ago/g; s/ +/ /g'; }

@test "secret: create, ls, inspect, exists, rm as podman does" {
    local prog out=()
    printf 'tip top' >"$FILE_DIR/data"
    for prog in coracle podman; do
        run -0 $prog secret create -l a=b one "$FILE_DIR/data"
        matches "$output" '^[0-9a-f]{25}$'
        out[0]=$(printf 'x' | $prog secret create two - | mask)
        out[1]=$($prog secret ls | mask | sort)
        out[2]=$($prog secret ls --noheading --format '{{.Name}} {{.Driver}}' --filter name=on)
        out[3]=$($prog secret ls -q | mask)
        out[4]=$($prog secret inspect one two | mask)
        out[5]=$($prog secret inspect --format '{{.Spec.Name}} {{.Spec.Driver.Name}} {{.Spec.Labels}}' one)
        out[6]=$($prog secret inspect --pretty one | mask)
        run -125 $prog secret create one "$FILE_DIR/data"
        out[7]=$output
        run -125 $prog secret create a/b "$FILE_DIR/data"
        out[8]=$output
        run -125 $prog secret create three /nosuch
        out[9]=$output
        run -125 $prog secret rm nosuch
        out[10]=$output
        run -125 $prog secret inspect nosuch
        out[11]=$output
        out[12]=$($prog secret rm one | mask)
        run -0 $prog secret rm -a
        out[13]=$(mask <<<"$output")
        run -0 $prog secret rm -a
        out[14]=$output
        out[15]=$($prog secret ls)
        declare -p out | sed 's/^declare -a out=//' >"$FILE_DIR/$prog.out"
    done
    is "$(cat "$FILE_DIR/coracle.out")" "$(cat "$FILE_DIR/podman.out")"
    run -1 coracle secret exists one
    echo x | coracle secret create one - >/dev/null
    run -0 coracle secret exists one
}

@test "secret: the data is the owner's alone, and nowhere else" {
    only_coracle
    local id mode
    printf 'correct horse' | coracle secret create -l what=pw pw - >/dev/null
    id=$(coracle secret ls -q)
    run -0 coracle unshare stat -c '%a' "$ROOT/secrets/$id"
    is "$output" 600
    is "$(coracle unshare stat -c %a "$ROOT/secrets")" 700
    run -1 grep -qa 'correct horse' "$ROOT/state.db" "$ROOT/state.db-wal"
    hasnt "$(coracle secret inspect pw)" "correct horse"
    has "$(coracle secret inspect --showsecret pw)" '"SecretData": "correct horse"'
    coracle create --name x --secret pw,type=env,target=PW $BB env >/dev/null
    hasnt "$(coracle inspect x)" "correct horse"
    run -1 grep -qa 'correct horse' "$ROOT/state.db" "$ROOT/state.db-wal"
}

@test "secret: a name that ids begin with" {
    only_coracle
    local i first
    for i in {1..17}; do echo x | coracle secret create "s$i" - >/dev/null; done
    first=$(coracle secret ls -q | cut -c1 | sort | uniq -d | head -n 1) # seventeen ids, sixteen digits
    run -125 --separate-stderr coracle secret inspect "$first"
    has "$stderr" "secret is ambiguous"
    echo x | coracle secret create "$first" - >/dev/null
    is "$(coracle secret inspect --format '{{.Spec.Name}}' "$first")" "$first"
}

@test "run --secret: files and environment as podman gives them" {
    local prog out=()
    for prog in coracle podman; do
        printf 'vm\n' | $prog secret create s1 - >/dev/null
        out[0]=$($prog run --rm --secret s1 $BB sh -c 'ls -l /run/secrets | tail -n +2 | cut -d" " -f1-8; cat /run/secrets/s1')
        out[1]=$($prog run --rm --secret s1,type=env,target=FOO $BB sh -c 'echo "$FOO"')
        out[2]=$($prog run --rm --secret s1,type=env $BB sh -c 'echo "$s1"')
        out[3]=$($prog run --rm --secret source=s1,target=/etc/x,mode=0400,uid=3,gid=4 $BB sh -c 'ls -ln /etc/x | cut -c1-40; cat /etc/x')
        out[4]=$($prog run --rm --secret s1,target=other $BB cat /run/secrets/other)
        run -125 $prog run --rm --secret nosuch $BB true
        out[5]=$output
        run -125 $prog run --rm --secret s1,foo=bar $BB true
        out[6]=$output
        run -125 $prog run --rm --secret s1,type=foo $BB true
        out[7]=$output
        run -125 $prog run --rm --secret s1,type=env,mode=0400 $BB true
        out[8]=$output
        $prog secret rm s1 >/dev/null
        declare -p out | sed 's/^declare -a out=//; s/[A-Z][a-z][a-z] *[0-9]+ [0-9:]+//g' -E >"$FILE_DIR/$prog.out"
    done
    is "$(cat "$FILE_DIR/coracle.out")" "$(cat "$FILE_DIR/podman.out")"
}

@test "run --secret: as another user in a namespace of its own; after the secret has gone" {
    echo deep | coracle secret create s1 - >/dev/null
    run -0 coracle run --rm --userns=auto --secret s1,uid=7,gid=7,mode=0400 -u 7:7 $BB sh -c 'ls -ln /run/secrets/s1 | cut -c1-35; cat /run/secrets/s1'
    matches "$output" '^-r-------- +1 7 +7'
    is "${lines[-1]}" deep
    coracle create --name x --secret s1 $BB cat /run/secrets/s1 >/dev/null
    echo new | coracle secret create --replace s1 - >/dev/null
    coracle secret rm s1 >/dev/null
    run -0 coracle start -a x
    is "$output" deep
    run -1 coracle run --rm $BB ls /run/secrets
}

@test "secret: drivers shell and pass" {
    only_coracle
    local dir=$(scratch)
    chmod 711 "$dir"
    mkdir "$dir/s"
    echo 'kept elsewhere' | coracle secret create -d shell --driver-opts "list=ls $dir/s,lookup=cat $dir/s/\$SECRET_ID,store=cat >$dir/s/\$SECRET_ID,delete=rm $dir/s/\$SECRET_ID" sh1 - >/dev/null
    is "$(coracle unshare cat "$dir"/s/*)" "kept elsewhere"
    run -0 coracle run --rm --secret sh1 $BB cat /run/secrets/sh1
    is "$output" "kept elsewhere"
    coracle secret rm sh1 >/dev/null
    is "$(coracle unshare ls "$dir/s")" ""
    run -125 --separate-stderr coracle secret create -d shell --driver-opts list=true sh2 "$FILE_DIR/data"
    one_error "missing option lookup"
    run -125 --separate-stderr coracle secret create -d nosuch x "$FILE_DIR/data"
    one_error "invalid driver"
    run -125 --separate-stderr coracle secret create --driver-opts foo=bar x "$FILE_DIR/data"
    one_error "unknown option"
}

@test "secret: sizes, names, environment" {
    : >"$FILE_DIR/empty"
    head -c 600000 /dev/zero >"$FILE_DIR/big"
    run -125 --separate-stderr coracle secret create x "$FILE_DIR/empty"
    one_error "larger than 0 and less than 512000 bytes"
    run -125 --separate-stderr coracle secret create x "$FILE_DIR/big"
    one_error "larger than 0 and less than 512000 bytes"
    PW=fromenv coracle secret create --env x PW >/dev/null
    has "$(coracle secret inspect --showsecret x)" fromenv
    run -125 --separate-stderr coracle secret create --env y NOT_SET_AT_ALL
    one_error NOT_SET_AT_ALL
    run -125 --separate-stderr coracle secret rm
    one_error "at least one"
    run -0 coracle secret rm --ignore nosuch
}
