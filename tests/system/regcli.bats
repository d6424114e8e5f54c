#!/usr/bin/env bats
# What users see of registries besides pull and push: search, short names, log-ins and credential helpers, the flags of run.
load suite
load registry

setup_file() {
    need docker-registry skopeo python3 expect
    start_root
    export FILE_HOME=$FILE_DIR/home REGISTRY_AUTH_FILE=$FILE_DIR/auth.json CONTAINERS_REGISTRIES_CONF=$FILE_DIR/registries.conf
    mkdir -p "$FILE_HOME"
    start_registry
    export PLAIN R
    insecure "$PLAIN" >"$CONTAINERS_REGISTRIES_CONF"
    insecure "localhost:${PLAIN#*:}" >>"$CONTAINERS_REGISTRIES_CONF"
    cp "$CONTAINERS_REGISTRIES_CONF" "$FILE_DIR/base.conf"
    echo '{}' >"$REGISTRY_AUTH_FILE"
    local name
    for name in t/img:1 t/img:2 other/img:2; do skopeo_copy "docker-archive:$IMAGES/bb.tar" "docker://$PLAIN/$name"; done
}

teardown_file() {
    stop_registries
    end_root
}

setup() {
    export HOME=$FILE_HOME XDG_CACHE_HOME=$FILE_HOME/cache
    unset XDG_RUNTIME_DIR
    cp "$FILE_DIR/base.conf" "$CONTAINERS_REGISTRIES_CONF"
    echo '{}' >"$REGISTRY_AUTH_FILE"
}

teardown() {
    [ -z "${SEARCH_PID:-}" ] || kill "$SEARCH_PID" 2>/dev/null || true
    rm -rf "$XDG_CACHE_HOME"
    coracle rmi -fa >/dev/null
    clean
}

# Two registries for short names (both are the same one), with the mode $1.
two_registries() {
    {
        printf 'unqualified-search-registries = ["%s", "localhost:%s"]\nshort-name-mode = "%s"\n' "$PLAIN" "${PLAIN#*:}" "$1"
        cat "$FILE_DIR/base.conf"
    } >"$CONTAINERS_REGISTRIES_CONF"
}

start_search() {
    rm -f "$BATS_TEST_TMPDIR/port"
    "$BATS_TEST_DIRNAME/search_server.py" >"$BATS_TEST_TMPDIR/port" 2>"$BATS_TEST_TMPDIR/requests" 3>&- &
    SEARCH_PID=$!
    until [ -s "$BATS_TEST_TMPDIR/port" ]; do sleep 0.05; done
    S=127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
    insecure "$S" >>"$CONTAINERS_REGISTRIES_CONF"
}

# A program docker-credential-NAME on PATH; it keeps secrets in files of $KEYS.
make_helper() {
    export KEYS=$BATS_TEST_TMPDIR/keys
    mkdir -p "$BATS_TEST_TMPDIR/bin" "$KEYS"
    cat >"$BATS_TEST_TMPDIR/bin/docker-credential-$1" <<SH
#!/bin/sh
echo "\$1" >>"$BATS_TEST_TMPDIR/calls"
env >"$BATS_TEST_TMPDIR/environment"
case \$1 in
store) cat >"$KEYS/in"; server=\$(sed 's/.*"ServerURL":"\([^"]*\)".*/\1/' "$KEYS/in"); mv "$KEYS/in" "$KEYS/\$(echo "\$server" | tr / _)";;
get) read -r server; cat "$KEYS/\$(echo "\$server" | tr / _)" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; };;
erase) read -r server; rm "$KEYS/\$(echo "\$server" | tr / _)";;
list) echo "{"; sep=; for k in "$KEYS"/*; do [ -e "\$k" ] || continue; echo "\$sep \"\$(basename "\$k")\": \"u\""; sep=,; done; echo "}";;
esac
SH
    chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-$1"
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# --- search

@test "search goes through the catalog of a registry that has no search, as podman does" {
    local args
    for args in "$PLAIN/img" "$PLAIN/" "--limit 1 $PLAIN/img" "--format json $PLAIN/img" "--compatible $PLAIN/img" \
        "--format {{.Name}}|{{.Stars}} $PLAIN/" "-f is-official $PLAIN/img" "-f is-official=false $PLAIN/img" "$PLAIN/none" \
        "--no-trunc $PLAIN/t"; do
        run -0 coracle search $args
        local ours=$output
        run -0 podman search $args
        is "$ours" "$output" "search $args"
    done
    two_registries enforcing
    run -0 coracle search img
    is "${#lines[@]}" 5
    has "$output" "$PLAIN/t/img"
    has "$output" "localhost:${PLAIN#*:}/other/img"
}

@test "search --list-tags, as a table and as JSON" {
    run -0 coracle search --list-tags "$PLAIN/t/img"
    is "$(printf '%s\n' "${lines[@]:1}" | sed 's/ .* / /; s/ *$//' | sort | tr '\n' ' ')" "$PLAIN/t/img 1 $PLAIN/t/img 2 "
    run -0 coracle search --list-tags --format json "$PLAIN/t/img"
    is "$(jq -r '.[0].Name' <<<"$output")" "$PLAIN/t/img"
    is "$(jq -r '.[0].Tags | sort | join(" ")' <<<"$output")" "1 2"
    run -0 coracle search --list-tags --limit 1 "$PLAIN/t/img"
    is "${#lines[@]}" 2
    run -125 --separate-stderr coracle search --list-tags "$PLAIN/none"
    one_error "getting repository tags"
    run -125 --separate-stderr coracle search --list-tags -f stars=3 "$PLAIN/t/img"
    one_error "filters are not applicable to list tags result"
}

@test "search asks a registry's own search, and filters what it says" {
    start_search
    run -0 coracle search "$S/debian"
    is "${#lines[@]}" 4
    has "$output" "Debian is a Linux distribution that's compos..."
    hasnt "$output" $'\033'
    grep -F '/v1/search?q=debian&n=25' "$BATS_TEST_TMPDIR/requests"
    run -0 coracle search -f stars=12 --format '{{.Name}} {{.Stars}} {{.Official}}{{.Automated}}' "$S/debian"
    is "$output" "$S/debian 4000 [OK]"$'\n'"$S/someone/debian-tools 12 [OK]"
    is "$(coracle search -f is-official --format '{{.Name}}' "$S/debian")" "$S/debian"
    is "$(coracle search -f is-automated --format '{{.Name}}' "$S/debian")" "$S/someone/debian-tools"
    is "$(coracle search -f is-official=false --limit 2 --format '{{.Name}}' "$S/debian")" "$S/someone/debian-tools"
    has "$(coracle search --no-trunc "$S/debian")" "composed entirely of free software."
    # Characters with a meaning in urls are data.
    run -0 coracle search "$S/a&b=c#d ä"
    grep -F '/v1/search?q=a%26b%3Dc%23d%20%C3%A4&n=25' "$BATS_TEST_TMPDIR/requests"
}

@test "search: wrong filters, hostile answers, no registry" {
    start_search
    run -125 --separate-stderr coracle search -f foo=1 x
    one_error 'invalid filter type "foo=1"'
    run -125 --separate-stderr coracle search -f stars x
    one_error 'invalid filter ["stars"], should be stars=<value>'
    run -125 --separate-stderr coracle search -f stars=many x
    one_error 'incorrect value type for stars filter'
    run -125 --separate-stderr coracle search "$S/hostile"
    one_error
    run -125 --separate-stderr coracle search "$S/broken"
    one_error
    run -125 --separate-stderr coracle search 127.0.0.1:1/x
    one_error "couldn't search registry \"127.0.0.1:1\""
    run -125 --separate-stderr coracle search
    one_error "accepts 1 arg(s), received 0"
}

# --- short names

@test "an ambiguous short name without a terminal: an error that lists what it may be, for pull and run" {
    two_registries enforcing
    run -125 --separate-stderr coracle pull t/img:1
    one_error "short-name resolution enforced but cannot prompt without a TTY" "$PLAIN/t/img" "localhost:${PLAIN#*:}/t/img"
    run -125 --separate-stderr coracle run --rm t/img:1 true
    one_error "short-name resolution enforced but cannot prompt without a TTY"
}

@test "short-name-mode permissive and disabled try each registry; errors name them all" {
    local mode
    for mode in permissive disabled; do
        two_registries $mode
        run -125 --separate-stderr coracle pull none
        is "${stderr_lines[0]}" "Resolving \"none\" using unqualified-search registries ($CONTAINERS_REGISTRIES_CONF)"
        is "${stderr_lines[1]}" "Trying to pull $PLAIN/none:latest..."
        is "${stderr_lines[2]}" "Trying to pull localhost:${PLAIN#*:}/none:latest..."
        matches "${stderr_lines[3]}" "^Error: 2 errors occurred while pulling: .*$PLAIN/none.*localhost:${PLAIN#*:}/none"
        run -0 coracle pull -q t/img:1
    done
    coracle image exists "$PLAIN/t/img:1"
    # What is here under one of the names is meant, whatever the mode.
    two_registries enforcing
    run -0 --separate-stderr coracle pull t/img:1
    is "${stderr_lines[0]}" "Trying to pull $PLAIN/t/img:1..."
}

@test "no search registries is an error, an alias is not; drop-ins add to the file" {
    run -125 --separate-stderr coracle pull none
    one_error "short-name \"none\" did not resolve to an alias and no unqualified-search registries are defined in \"$CONTAINERS_REGISTRIES_CONF\""
    unset CONTAINERS_REGISTRIES_CONF
    mkdir -p "$HOME/.config/containers/registries.conf.d"
    cp "$FILE_DIR/base.conf" "$HOME/.config/containers/registries.conf"
    printf '[aliases]\n"mine" = "%s/t/img"\n' "$PLAIN" >"$HOME/.config/containers/registries.conf.d/10-mine.conf"
    run -0 --separate-stderr coracle pull mine:2
    is "${stderr_lines[0]}" "Resolved \"mine\" as an alias ($HOME/.config/containers/registries.conf.d/10-mine.conf)"
    is "${stderr_lines[1]}" "Trying to pull $PLAIN/t/img:2..."
    rm -r "$HOME/.config/containers"
}

@test "on a terminal an ambiguous short name asks; the choice is recorded where podman records it, and podman reads it" {
    two_registries enforcing
    cat >"$BATS_TEST_TMPDIR/ask" <<EXP
set timeout 60
spawn -noecho $(coracle_words) pull t/img:1
expect "Please select an image" {} timeout { exit 3 }
expect "localhost:"
send "\033\[B"
expect "> *2 localhost:" {} timeout { exit 4 }
send "\r"
expect "Trying to pull localhost:" {} timeout { exit 5 }
expect eof
lassign [wait] pid spawnid os code
exit \$code
EXP
    run -0 expect "$BATS_TEST_TMPDIR/ask"
    coracle image exists "localhost:${PLAIN#*:}/t/img:1"
    is "$(cat "$XDG_CACHE_HOME/containers/short-name-aliases.conf")" "[aliases]"$'\n'"  \"t/img\" = \"localhost:${PLAIN#*:}/t/img\""
    run -0 --separate-stderr coracle pull t/img:2
    is "${stderr_lines[0]}" "Resolved \"t/img\" as an alias ($XDG_CACHE_HOME/containers/short-name-aliases.conf)"
    run podman pull t/img:none
    has "$output" "Resolved \"t/img\" as an alias"
}

@test "the prompt takes numbers; Ctrl-C gives up, records nothing, and leaves the terminal as it was" {
    two_registries permissive
    cat >"$BATS_TEST_TMPDIR/ask" <<EXP
set timeout 60
spawn -noecho sh -c "stty -a >$BATS_TEST_TMPDIR/before; $(coracle_words) pull t/img:1; echo code \$?; $(coracle_words) pull t/img:1; stty -a >$BATS_TEST_TMPDIR/after"
expect "Please select an image" {} timeout { exit 3 }
send "\003"
expect "no image was selected" {} timeout { exit 4 }
expect "code 125" {} timeout { exit 5 }
expect "Please select an image" {} timeout { exit 6 }
send "2\r"
expect "Trying to pull localhost:" {} timeout { exit 7 }
expect eof
EXP
    run -0 expect "$BATS_TEST_TMPDIR/ask"
    diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

# --- log-ins

@test "login: messages, --get-login, existing credentials, --verbose, logout --all" {
    run -125 --separate-stderr coracle login "$PLAIN" </dev/null
    is "$output" "Username: "
    is "$stderr" "Error: getting username and password: reading username: EOF"
    run -125 --separate-stderr coracle login --get-login "$PLAIN"
    one_error "not logged into $PLAIN"
    run -0 coracle login -v -u a -p b "$PLAIN"
    is "$output" "Used:  $REGISTRY_AUTH_FILE"$'\n'"Login Succeeded!"
    is "$(stat -c %a "$REGISTRY_AUTH_FILE")" 600
    is "$(coracle login --get-login "$PLAIN")" a
    run -0 coracle login "$PLAIN" </dev/null
    is "$output" "Authenticating with existing credentials for $PLAIN"$'\n'"Existing credentials are valid. Already logged in to $PLAIN"
    run -125 --separate-stderr coracle login --password-stdin "$PLAIN" <<<x
    one_error "Must provide --username with --password-stdin"
    run -0 podman login --get-login "$PLAIN"
    is "$output" a
    run -0 coracle logout --all
    is "$output" "Removed login credentials for all registries"
    run -125 --separate-stderr coracle logout "$PLAIN"
    one_error "not logged into $PLAIN"
}

@test "login --compat-auth-file writes what docker reads; a link stays a link; two log-ins at once lose nothing" {
    local d=$BATS_TEST_TMPDIR i pids=()
    echo '{"HttpHeaders": {"a": "b"}}' >"$d/real.json"
    ln -s real.json "$d/config.json"
    coracle login -u me -p secret --compat-auth-file "$d/config.json" "$PLAIN"
    is "$(jq -r ".auths[\"$PLAIN\"].auth" "$d/real.json" | base64 -d)" me:secret
    is "$(jq -r .HttpHeaders.a "$d/real.json")" b
    [ -L "$d/config.json" ]
    run -125 --separate-stderr coracle login -u a -p b --compat-auth-file "$d/config.json" --authfile "$d/x" "$PLAIN"
    one_error "can not be set simultaneously"
    unset REGISTRY_AUTH_FILE
    is "$(DOCKER_CONFIG=$d coracle login --get-login "$PLAIN")" me
    run -0 env DOCKER_CONFIG="$d" "$CORACLE" --root "$ROOT" logout "$PLAIN"
    has "$output" "Please use docker logout instead."
    for i in 1 2 3 4 5 6; do coracle login -u "u$i" -p x --authfile "$d/many.json" "$PLAIN/ns$i" >/dev/null 3>&- & pids+=($!); done
    wait "${pids[@]}"
    is "$(jq '.auths | length' "$d/many.json")" 6
}

@test "credential helpers: credHelpers of a file, for login, pull, logout, with a clean environment" {
    make_helper test
    echo "{\"credHelpers\": {\"$PLAIN\": \"test\"}}" >"$REGISTRY_AUTH_FILE"
    export SECRET_OF_SOMEBODY=bad GNUPGHOME=/good
    run -0 coracle login -v -u me -p se -- "$PLAIN"
    has "$output" "Used:  credential helper: test"
    is "$(jq -r .Username "$KEYS/$PLAIN")" me
    hasnt "$(cat "$REGISTRY_AUTH_FILE")" '"auth"'
    is "$(coracle login --get-login "$PLAIN")" me
    hasnt "$(cat "$BATS_TEST_TMPDIR/environment")" SECRET_OF_SOMEBODY
    has "$(cat "$BATS_TEST_TMPDIR/environment")" GNUPGHOME=/good
    : >"$BATS_TEST_TMPDIR/calls"
    run -0 coracle pull -q "$PLAIN/t/img:1"
    is "$(cat "$BATS_TEST_TMPDIR/calls")" get
    run -0 coracle logout "$PLAIN"
    [ ! -e "$KEYS/$PLAIN" ]
}

@test "credential helpers of registries.conf, and credsStore; one that is missing or lies is an error that names it" {
    make_helper all
    printf 'credential-helpers = ["all"]\n' | cat - "$FILE_DIR/base.conf" >"$CONTAINERS_REGISTRIES_CONF"
    run -0 coracle login -u me -p se "$PLAIN"
    is "$(cat "$REGISTRY_AUTH_FILE")" '{}'
    is "$(coracle login --get-login "$PLAIN")" me
    run -0 coracle logout -a
    is "$(ls "$KEYS")" ""
    cp "$FILE_DIR/base.conf" "$CONTAINERS_REGISTRIES_CONF"
    echo '{"credsStore": "all"}' >"$REGISTRY_AUTH_FILE"
    run -0 coracle login -u you -p se "$PLAIN"
    is "$(coracle login --get-login "$PLAIN")" you
    printf '#!/bin/sh\nexec yes x\n' >"$BATS_TEST_TMPDIR/bin/docker-credential-all"
    run -125 --separate-stderr coracle pull -q "$PLAIN/t/img:1"
    one_error "credential helper all" "longer than"
    echo "{\"credHelpers\": {\"$PLAIN\": \"none-such\"}}" >"$REGISTRY_AUTH_FILE"
    run -125 --separate-stderr coracle pull -q "$PLAIN/t/img:1"
    one_error "docker-credential-none-such"
    # Left behind by a program that is gone: as if it were not there.
    echo '{"credsStore": "none-such"}' >"$REGISTRY_AUTH_FILE"
    run -0 coracle pull -q "$PLAIN/t/img:1"
}

# --- run's flags

@test "run and create take the flags of registries" {
    local name=$PLAIN/t/img:1
    : >"$CONTAINERS_REGISTRIES_CONF"
    run -125 --separate-stderr coracle run --rm -q --retry 0 "$name" true
    one_error "initializing source docker://$name"
    run -0 --separate-stderr coracle run --rm --tls-verify=false --creds a:b --retry 1 --retry-delay 1s "$name" echo hello
    is "$output" hello
    is "${stderr_lines[0]}" "Trying to pull $name..."
    is "${stderr_lines[-1]}" "Storing signatures"
    run -0 --separate-stderr coracle run --rm -q "$name" echo hello
    is "$stderr" ""
    run -0 --separate-stderr coracle run --rm --pull always --tls-verify=false "$name" true
    is "${stderr_lines[0]}" "Trying to pull $name..."
    run -0 --separate-stderr coracle run --rm -q --pull newer --retry 0 "$name" echo hello
    is "$output" hello
    run -125 --separate-stderr coracle run --rm --pull never "$PLAIN/t/img:2" true
    one_error "$PLAIN/t/img:2: image not known"
    run -125 --separate-stderr coracle create --authfile /nonexistent --pull always --tls-verify=false "$name"
    has "$stderr" "checking authfile: stat /nonexistent"
    run -125 --separate-stderr coracle create -q --pull always --tls-verify=false --arch sparc --os plan9 "$name"
    has "$stderr" "plan9/sparc"
}

# --- transports

# What an archive or directory says of its images' names.
names_in() { if [ -d "$1" ]; then cat "$1/$2"; else tar -xOf "$1" "$2"; fi; }

@test "push to files and pull from them, with and without a name inside" {
    local d=$BATS_TEST_TMPDIR t id
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    id=$(coracle image inspect -f '{{.Id}}' bb)
    for t in oci-archive:$d/o.tar:foo/bar:3 docker-archive:$d/d.tar:foo/bar:3 oci:$d/o:x oci:$d/plain dir:$d/dir; do
        run -0 --separate-stderr coracle push bb "$t"
        is "${stderr_lines[0]}" "Getting image source signatures" "$t"
        is "${stderr_lines[-1]}" "Storing signatures" "$t"
        run -0 skopeo inspect --raw "$t"
    done
    is "$(names_in "$d/d.tar" manifest.json | jq -r '.[0].RepoTags[0]')" docker.io/foo/bar:3
    # A second image joins the first; the same name again takes its place.
    coracle push -q bb "oci:$d/o:y"
    coracle push -q bb "oci:$d/o:x"
    is "$(jq -r '[.manifests[].annotations["org.opencontainers.image.ref.name"]] | sort | join(" ")' "$d/o/index.json")" "x y"
    coracle rmi -f bb >/dev/null
    for t in oci-archive:$d/o.tar oci-archive:$d/o.tar:foo/bar:3 docker-archive:$d/d.tar:foo/bar:3 docker-archive:$d/d.tar:@0 \
        oci:$d/o:y oci:$d/plain dir:$d/dir; do
        run -0 --separate-stderr coracle pull "$t"
        is "${stderr_lines[0]}" "Getting image source signatures" "$t"
        matches "${lines[0]}" '^[0-9a-f]{64}$'
        coracle rmi -fa >/dev/null
    done
    coracle pull -q "docker-archive:$d/d.tar:foo/bar:3"
    is "$(coracle images --format '{{.Repository}}:{{.Tag}}')" docker.io/foo/bar:3
    is "$(coracle images -q --no-trunc)" "sha256:$id"
    for t in docker-archive:$d/d.tar:foo/bar:4 docker-archive:$d/d.tar:@7; do
        run -125 --separate-stderr coracle pull -q "$t"
        one_error "Tag \"${t#*.tar:}\" not found"
    done
    for t in oci-archive:$d/o.tar:none oci:$d/o:none; do
        run -125 --separate-stderr coracle pull -q "$t"
        one_error 'no descriptor found for reference "none"'
    done
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    run -125 --separate-stderr coracle push -q bb "dir:$d/dir"
    one_error "is not empty"
}

@test "transports: our own store, docker's daemon, wrong ones; skopeo's and podman's files" {
    local d=$BATS_TEST_TMPDIR
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    coracle push -q bb containers-storage:localhost/again:1
    is "$(coracle pull -q containers-storage:localhost/again:1)" "$(coracle image inspect -f '{{.Id}}' bb)"
    run -125 --separate-stderr coracle pull containers-storage:localhost/none:1
    one_error "initializing source containers-storage:localhost/none:1"
    run -125 --separate-stderr coracle pull docker-daemon:bb:latest
    one_error "does not talk to a Docker daemon"
    run -125 --separate-stderr coracle push bb docker-daemon:bb:latest
    one_error "does not talk to a Docker daemon"
    run -125 --separate-stderr coracle pull oci:
    one_error "nothing is named behind the transport"
    podman push bb "oci-archive:$d/p.tar:a/b:1" 2>/dev/null
    run -0 coracle pull -q "oci-archive:$d/p.tar:a/b:1"
    podman push bb "docker-archive:$d/q.tar:a/b:2" 2>/dev/null
    run -0 coracle pull -q "docker-archive:$d/q.tar:a/b:2"
    coracle image exists docker.io/a/b:2
    # Several at once, of every kind; one that fails does not hold up the others.
    run -125 --separate-stderr coracle pull -q "$PLAIN/t/img:1" "oci-archive:$d/none.tar" "$PLAIN/other/img:2"
    is "${#lines[@]}" 2
    has "$stderr" none.tar
}
