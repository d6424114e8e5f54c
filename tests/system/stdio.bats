#!/usr/bin/env bats
# What goes in and out of a container: pipes, gigabytes, terminals, detaching.
load suite

setup_file() {
    start_root bb
    # 64 MiB that don't compress and don't repeat inside.
    head -c 67108864 /dev/urandom >"$FILE_DIR/block"
}
teardown_file() { end_root; }
teardown() { clean; }

# A gigabyte in which a lost, doubled or swapped piece changes the sum.
gigabyte() {
    local i
    for i in $(seq 16); do
        echo "part $i"
        cat "$FILE_DIR/block"
    done
}

# Run an expect script; PROGRAM_WORDS are the words of the program. `send_keys` gives raw mode a moment.
expecting() {
    need expect
    local script
    script="set timeout 20
proc die {what} { puts \"NOT SEEN: \$what\"; exit 99 }
proc see {what} { expect { \$what {} timeout { die \$what } eof { die \"\$what (end of file)\" } } }
proc finish {} { catch { expect { eof {} timeout { die {end of file} } } }; lassign [wait] pid spawnid oserr code; puts \"\\nEXIT \$code\" }
$(cat)"
    run expect -c "$script"
}

@test "stdin: a line through -i" {
    run -0 bash -c "echo hello | $(coracle_words) run --rm -i $BB cat"
    is "$output" hello
}

@test "stdin: without -i it is empty" {
    run -0 bash -c "echo hello | $(coracle_words) run --rm $BB cat"
    is "$output" ""
}

@test "stdin and stdout: a gigabyte both ways, unchanged" {
    local want
    want=$(gigabyte | sha256sum)
    gigabyte | LIMIT=150 coracle run --rm -i $BB cat | sha256sum >"$FILE_DIR/sum"
    is "$(cat "$FILE_DIR/sum")" "$want"
}

@test "stdin: a gigabyte in, counted and summed inside" {
    [ -n "${CORACLE_TEST_LONG:-}" ] || testing_podman || [ "${SANITIZED:-0}" = 0 ] || skip "slow with sanitizers: CORACLE_TEST_LONG=1 runs it"
    run -0 bash -c "cat $FILE_DIR/block $FILE_DIR/block | $(coracle_words) run --rm -i $BB sh -c 'sha256sum'"
    is "${output%% *}" "$(cat "$FILE_DIR/block" "$FILE_DIR/block" | sha256sum | cut -d' ' -f1)"
}

@test "stdout: every byte value, and no line end at the end" {
    python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)' >"$FILE_DIR/bytes"
    coracle run --rm -i $BB cat <"$FILE_DIR/bytes" >"$FILE_DIR/back"
    cmp "$FILE_DIR/bytes" "$FILE_DIR/back"
}

@test "stdout and stderr: both at once, a lot of each, apart" {
    coracle run --rm $BB sh -c 'for i in $(seq 20000); do echo "out $i"; echo "err $i" >&2; done' >"$FILE_DIR/out" 2>"$FILE_DIR/err"
    is "$(wc -l <"$FILE_DIR/out") $(wc -l <"$FILE_DIR/err")" "20000 20000"
    is "$(tail -n1 "$FILE_DIR/out") $(tail -n1 "$FILE_DIR/err")" "out 20000 err 20000"
    run -1 grep -c err "$FILE_DIR/out"
}

@test "stdout: a slow reader loses nothing" {
    run -0 bash -c "set -o pipefail; $(coracle_words) run --rm $BB sh -c 'head -c 30000000 /dev/zero; echo end' | { sleep 2; tail -c 4; }"
    is "$output" end
}

@test "stdin: a program that doesn't read it ends all the same" {
    run -0 timeout 20 bash -c "yes | $(coracle_words) run --rm -i $BB true; exit \${PIPESTATUS[1]}"
    mkfifo "$FILE_DIR/never"
    sleep 100 >"$FILE_DIR/never" 3>&- &
    run -0 timeout 20 bash -c "$(coracle_words) run --rm -i $BB true <$FILE_DIR/never"
    kill $!
}

@test "stdin: end of file reaches the program, its output still comes" {
    run -0 bash -c "printf 'a\nb\n' | $(coracle_words) run --rm -i $BB sh -c 'wc -l; sleep 0.3; echo after'"
    is "$output" $'2\nafter'
}

@test "stdout: closed by the caller" {
    run -0 bash -c "$(coracle_words) run --rm $BB echo hello >&-"
    run -7 bash -c "$(coracle_words) run --rm $BB sh -c 'echo hello; echo err >&2; exit 7' <&- >&- 2>&-"
    store_is_clean
    run timeout 20 bash -c "$(coracle_words) run --name y --rm $BB sh -c 'for i in \$(seq 100000); do echo \$i; done' | head -n 1"
    is "${lines[0]}" 1
}

@test "-a: only the streams that were asked for" {
    run -0 coracle run --rm -a stdout $BB sh -c 'echo out; echo err >&2'
    is "$output" out
    run -0 coracle run --rm -a stderr $BB sh -c 'echo out; echo err >&2'
    is "$output" err
}

@test "tty: -t makes one, its absence doesn't" {
    run -0 coracle run --rm $BB sh -c 'tty; test -t 1 || echo none'
    has "$output" none
    expecting <<X
spawn $(coracle_words) run --rm -it $BB tty
see /dev/
finish
X
    has "$output" "EXIT 0"
}

@test "tty: size of the terminal, and its changes" {
    expecting <<X
set stty_init "rows 33 cols 111"
spawn $(coracle_words) run --rm -it $BB sh -c "stty size; trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.1; done"
see "33 111"
see ready
sleep 0.3
stty rows 44 columns 122 < \$spawn_out(slave,name)
see "44 122"
finish
X
    has "$output" "EXIT 4"
}

@test "tty: Ctrl-C and Ctrl-D do what they do in a terminal" {
    expecting <<X
spawn $(coracle_words) run --rm -it $BB sh -c "trap 'echo interrupted; exit 6' INT; echo ready; while :; do sleep 0.1; done"
see ready
sleep 0.3
send "\003"
see interrupted
finish
X
    has "$output" "EXIT 6"
    expecting <<X
spawn $(coracle_words) run --rm -it $BB cat
send "typed\r"
see "typed"
see "typed"
send "\004"
finish
X
    has "$output" "EXIT 0"
}

@test "tty: an interactive shell with its exit code" {
    expecting <<X
spawn $(coracle_words) run --rm -it $BB sh
see "# "
send "echo \\\$((40 + 2))\r"
see "42"
send "exit 9\r"
finish
X
    has "$output" "EXIT 9"
}

@test "tty: modes of the caller's terminal come back" {
    expecting <<X
spawn sh -c "stty -a | md5sum; $(coracle_words) run --rm -it $BB true; stty -a | md5sum; $(coracle_words) run --rm -it $BB nosuchcommand; stty -a | md5sum"
finish
X
    is "$(grep -oE '^[0-9a-f]{32}' <<<"$output" | sort | uniq -c | awk '{ print $1 }')" 3
}

@test "detach: Ctrl-P Ctrl-Q leaves it running, attach comes back" {
    expecting <<X
spawn $(coracle_words) run --name d -it $BB sh -c "echo ready; read x; echo got-\\\$x; exit 8"
see ready
sleep 0.3
send "\020\021"
finish
X
    has "$output" "EXIT 0"
    state_is d running
    expecting <<X
spawn $(coracle_words) attach d
sleep 0.5
send "word\r"
see "got-word"
finish
X
    has "$output" "EXIT 8"
}

@test "detach: keys of one's own" {
    expecting <<X
spawn $(coracle_words) run --name d --detach-keys ctrl-x,x -it $BB sh -c "echo ready; sleep 1000"
see ready
sleep 0.3
send "\030x"
finish
X
    has "$output" "EXIT 0"
    state_is d running
    run -125 --separate-stderr coracle run --rm -it --detach-keys nonsense-keys $BB true
    one_error "nonsense-keys"
}

@test "attach: without a terminal, output and exit code" {
    coracle run -d --name a $BB sh -c 'sleep 1; echo late; exit 5'
    run -5 coracle attach a
    has "$output" late
    run -125 --separate-stderr coracle attach a
    one_error "can only attach to"
}

@test "attach: input reaches a container that was started with -i" {
    coracle run -d -i --name a $BB sh -c 'read x; echo "got $x"'
    run -0 bash -c "echo word | $(coracle_words) attach a"
    has "$output" "got word"
}

@test "attach --no-stdin, and two at once" {
    coracle run -d --name a $BB sh -c 'sleep 1; echo both; sleep 0.2'
    coracle attach --no-stdin a >"$FILE_DIR/one" &
    run -0 coracle attach --no-stdin a
    is "$output" both
    wait $!
    is "$(cat "$FILE_DIR/one")" both
}

@test "start -a -i: the same for a created container" {
    coracle create -i --name s $BB cat
    run -0 bash -c "echo once more | $(coracle_words) start -a -i s"
    is "$output" "once more"
    coracle create --name t $BB sh -c 'echo out; exit 3'
    run -3 coracle start -a t
    is "$output" out
}
