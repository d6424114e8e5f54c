#!/usr/bin/env bats
# The same command lines given to coracle and to podman: the same output, exit code and, masked, the same words on stderr.
load suite
load compare

setup_file() {
    start_root bb app
    command -v podman >/dev/null || skip "podman is not installed"
    # Images are compared as well, so they must not be read-only ones of a store that others use.
    export PODMAN_ALONE=1
    local image
    for image in bb app; do podman load -q -i "$IMAGES/$image.tar" >/dev/null; done
    # What both have for the commands that only look.
    local each
    for each in coracle podman; do
        $each rm -fa -t 0 >/dev/null 2>&1 || true
        $each volume prune -f >/dev/null 2>&1 || true
        $each create --name made --network none --label l=1 -e A=b -v named:/v $BB echo made >/dev/null
        $each run -d --name up --network none --hostname up $BB sh -c 'trap "exit 0" TERM; echo started; while :; do sleep 0.1; done' >/dev/null
        $each run --name done --network none $BB sh -c 'echo line1; sleep 0.1; echo line2 >&2; sleep 0.1; echo line3; exit 3' >/dev/null 2>&1 || true
        $each run --name killed --network none --init $BB sh -c 'kill -9 $$' >/dev/null 2>&1 || true
    done
}
teardown_file() {
    local each
    for each in coracle podman; do
        $each rm -fa -t 0 >/dev/null 2>&1 || true
        $each volume prune -f >/dev/null 2>&1 || true
    done
    end_root
}
setup() {
    only_coracle
    MISMATCHES=
}
r() { echo "run --rm --network none"; }

@test "compare run: programs and their exit codes" {
    all $(r) $BB true
    all $(r) $BB false
    all $(r) $BB sh -c 'exit 77'
    all $(r) $BB echo 'two  spaces' "quote'd" ''
    all $(r) $BB sh -c 'echo to stderr >&2; exit 2'
    all $(r) $BB nosuchcommand
    all $(r) $BB /etc/nosuch
    code $(r) $BB /etc/passwd
    code $(r) $BB /
    all $(r) $BB sh -c 'kill -15 $$; sleep 1; echo survived'
    agree
}

@test "compare run: users, groups, directories, environment" {
    all $(r) -u app $BB id
    all $(r) -u 1000:78 $BB id
    all $(r) -u 4321 $BB id
    all $(r) -u :more $BB id
    all $(r) --group-add 99 $BB id
    code $(r) -u nosuchuser $BB id
    code $(r) -u root:nosuchgroup $BB id
    all $(r) -w /usr/bin $BB pwd
    code $(r) -w /nosuchdir $BB pwd
    out $(r) --hostname same -e B=2 -e A=1 $BB sh -c 'env | grep -v ^container= | sort'
    out $(r) --hostname same --entrypoint sh $APP -c 'env | sort | grep -v ^container='
    all $(r) -e = $BB true
    all $(r) --env-file /nosuch $BB true
    agree
}

@test "compare run: entrypoints and commands" {
    all $(r) $APP
    all $(r) $APP one two
    all $(r) --entrypoint echo $APP x
    all $(r) --entrypoint '["echo","json"]' $APP x
    code $(r) --entrypoint '' $APP
    all $(r) --entrypoint /nosuch $APP
    agree
}

@test "compare run: files that are made for the container" {
    all $(r) --hostname same $BB sh -c 'echo $(cat /etc/hostname)'
    all $(r) --hostname same --add-host a:10.0.0.1 $BB sh -c 'grep -E "10.0.0.1|::1" /etc/hosts'
    all $(r) --dns 192.0.2.1 --dns-search x.example $BB cat /etc/resolv.conf
    all $(r) $BB sh -c 'ls -ld /dev/null /dev/ptmx /dev/shm /dev/fd /dev/stdin | sed "s/  */ /g" | cut -d" " -f1,3,4'
    all $(r) $BB ls /dev
    all $(r) $BB ls /
    all $(r) $BB sh -c 'ls -ld /tmp /root /etc /proc /sys | sed "s/  */ /g" | cut -d" " -f1,3,4'
    all $(r) $BB sh -c 'test -e /run/.containerenv && echo yes'
    all $(r) -u 4321 $BB sh -c 'tail -n1 /etc/passwd'
    agree
}

@test "compare run: confinement" {
    all $(r) $BB grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status
    all $(r) -u app $BB grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status
    all $(r) --cap-add net_admin --cap-drop chown $BB grep ^Cap /proc/self/status
    all $(r) --cap-drop all -u app $BB grep ^Cap /proc/self/status
    all $(r) --cap-add all $BB grep ^CapBnd /proc/self/status
    all $(r) --privileged $BB grep -E '^(Cap|Seccomp:)' /proc/self/status
    all $(r) --security-opt no-new-privileges -u app $BB grep -E '^NoNewPrivs' /proc/self/status
    all $(r) --read-only $BB touch /x
    all $(r) $BB mount -t tmpfs t /mnt
    all $(r) $BB sh -c 'echo 1 >/proc/sys/kernel/hostname'
    all $(r) $BB sh -c 'cat /proc/self/oom_score_adj; ulimit -c'
    all $(r) --ulimit nofile=99:199 $BB sh -c 'ulimit -Sn; ulimit -Hn'
    all $(r) --cap-add nonsense $BB true
    agree
}

@test "compare run: mounts" {
    all $(r) $BB sh -c 'awk "{ print \$2, \$3 }" /proc/mounts | grep -vE "^/ |/etc/|/dev/(null|zero|full|tty|random|urandom|console) |/run/.containerenv" | sort -u'
    all $(r) --tmpfs /t:size=1m,mode=700 $BB sh -c 'stat -c %a /t; grep -o "/t tmpfs" /proc/mounts'
    all $(r) --shm-size 1m $BB sh -c 'df -k /dev/shm | tail -n1 | awk "{ print \$2 }"'
    all $(r) -v /usr/share/doc:/d:ro $BB touch /d/x
    all $(r) -v /nosuch:/d $BB true
    all $(r) -v named2:/data --entrypoint cat $APP /data/file
    all $(r) --mount type=nonsense,target=/x $BB true
    all $(r) --mount type=bind,target=/x $BB true
    all $(r) --mount type=tmpfs $BB true
    code volume rm named2
    agree
}

@test "compare run: flags that are wrong" {
    all run --nosuchflag $BB
    all run
    all run --rm --name 'bad name' $BB true
    all run --network none --restart nonsense $BB true
    all $(r) --memory nonsense $BB true
    all $(r) --log-driver nonsense $BB true
    all $(r) --userns nonsense $BB true
    all $(r) --pid nonsense $BB true
    all $(r) --ulimit nonsense=1:1 $BB true
    all $(r) --add-host nonsense $BB true
    code $(r) --device /dev/nosuch $BB true
    code run --rm --network ns:/no/such $BB true
    all $(r) --volumes-from nosuch $BB true
    all $(r) --pull nonsense $BB true
    all $(r) --systemd nonsense $BB true
    code $(r) --tz No/Where $BB true
    agree
}

@test "compare create and names" {
    all create --name made $BB true
    all run --name up $BB true
    code create localhost/nosuch
    all container exists made
    all container exists nosuch
    agree
}

@test "compare ps" {
    out ps
    out ps -a --sort names
    out ps -a --format '{{.Names}} {{.Image}} {{.Command}} {{.Status}}' --sort names
    out ps -a --format 'table {{.Names}}\t{{.Ports}}' --sort names
    out ps -aq --filter name=up
    out ps -a --filter status=exited --format '{{.Names}}' --sort names
    out ps -a --filter exited=3 --format '{{.Names}}'
    out ps -a --filter label=l=1 --format '{{.Names}} {{.Labels}}'
    out ps -a --noheading --filter ancestor=$BB --sort names
    all ps --filter nonsense=1
    all ps --filter status=nonsense
    all ps --format '{{.Nonsense}}'
    all ps extra
    agree
}

@test "compare logs" {
    all logs done
    all logs --tail 1 done
    all logs --tail 2 done
    all logs -t done
    all logs -n up
    all logs nosuch
    all logs
    all logs made
    agree
}

@test "compare inspect: values that scripts ask for" {
    all inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.OOMKilled}}' done
    all inspect -f '{{.State.Status}} {{.State.ExitCode}}' killed
    all inspect -f '{{.Name}} {{.ImageName}} {{.Path}} {{.Args}} {{.RestartCount}}' made
    all inspect -f '{{.Config.Hostname}} {{.Config.Cmd}} {{.Config.Labels}} {{.Config.Tty}} {{.Config.OpenStdin}}' up
    all inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}' made
    all inspect -f '{{json .Config.Labels}}' made
    all inspect -f '{{.HostConfig.NetworkMode}} {{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}} {{.HostConfig.ReadonlyRootfs}}' made
    all inspect -f '{{.HostConfig.CapAdd}} {{.HostConfig.ShmSize}} {{.HostConfig.LogConfig.Type}}' made
    all inspect -f '{{len .EffectiveCaps}} {{len .BoundingCaps}}' made
    all inspect -f '{{.Config.StopSignal}} {{.Config.StopTimeout}} {{.Config.Umask}}' made
    all inspect -f '{{.Nonsense}}' made
    all inspect nosuch
    all inspect --type image nosuch
    all inspect
    agree
}

@test "compare inspect: the same fields are there" {
    local each
    for each in coracle podman; do
        $each inspect up | jq -c '[.[0] | paths | map(if type == "number" then 0 else . end) | join(".")] | unique | .[]' -r |
            grep -vE '^(Mounts|GraphDriver|NetworkSettings|HostConfig.LogConfig|HostConfig.Annotations|Config.Annotations|Config.CreateCommand|Config.Env)\.|^State.(Cgroup|Health|ConmonPid)|^HostConfig.CapDrop' | sort >"$FILE_DIR/$each.paths"
    done
    run comm -23 "$FILE_DIR/podman.paths" "$FILE_DIR/coracle.paths"
    is "$output" "" "fields that podman has and coracle hasn't"
}

@test "compare exec" {
    all exec up echo hello
    all exec up sh -c 'exit 5'
    all exec -u app -w /tmp -e X=1 up sh -c 'id -un; pwd; echo $X; hostname'
    all exec up nosuchcommand
    code exec up /etc/passwd
    all exec nosuch true
    code exec made true
    all exec up
    code exec
    code exec -u nosuchuser up true
    code exec -w /nosuch up true
    all exec up grep -E '^(Cap|Seccomp:)' /proc/self/status
    all exec -u app up grep -E '^Cap' /proc/self/status
    all exec --privileged up grep -E '^Cap' /proc/self/status
    agree
}

@test "compare start, stop, kill, wait, rm, rename: their words and codes" {
    code start up
    all start nosuch
    all stop made
    all stop nosuch
    all kill done
    all kill -s NONSENSE up
    all kill nosuch
    all wait done
    all wait nosuch
    all rm up
    all rm nosuch
    all rm
    all rename nosuch x
    code rename made up
    all attach done
    all attach nosuch
    all restart nosuch
    all stop
    all rm -f nosuch
    agree
}

@test "compare volumes" {
    all volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}}' named
    all volume inspect nosuch
    all volume exists named
    all volume exists nosuch
    all volume rm nosuch
    all volume rm named
    all volume create named
    all volume ls -q --filter name=named
    all volume ls --format '{{.Name}} {{.Driver}}' --filter name=named
    all volume rm
    all volume create 'bad/name'
    all volume ls --filter nonsense=1
    agree
}

@test "compare images" {
    out images --format 'table {{.Repository}} {{.Tag}} {{.ID}} {{.Created}}' localhost/bb
    out images -q $BB
    out images -q --no-trunc $APP
    out images --format '{{.Repository}} {{.Tag}} {{.ID}}' localhost/bb
    out image inspect -f '{{.Id}} {{.Os}} {{.Architecture}} {{.Config.Cmd}} {{.RepoTags}}' $BB
    out image inspect -f '{{.Config.User}} {{.Config.Entrypoint}} {{.Config.WorkingDir}} {{.Config.Volumes}} {{.Config.StopSignal}}' $APP
    out image inspect -f '{{.RootFS.Layers}}' $APP
    out history --format '{{.CreatedBy}} {{.Size}}' $APP
    all image exists $BB
    all image exists nosuch
    all image inspect nosuch
    code rmi nosuch
    all rmi $BB
    all tag nosuch x
    all untag nosuch
    code tag $BB 'Bad Name'
    code images --filter nonsense=1
    all save
    code save -o /no/such/dir/x.tar $BB
    code load -i /no/such/file
    code import /no/such/file
    agree
}

@test "compare: usage errors of the program itself" {
    all nosuchcommand
    all ps --nosuchflag
    all volume nosuch
    code image
    agree
}

# One template a line, those that work and those that don't: pipelines, functions, control, fields that are not there.
@test "compare templates" {
    local line
    while IFS= read -r line; do
        all inspect --format "$line" made
    done <<'END'
{{.Name | upper}} {{upper .Name}} {{lower "ABC"}} {{title "ab cd"}}
{{printf "%s-%d-%q-%v-%5s|%-5s|%05d" .Name 42 "q" true "r" "l" 7}}
{{printf "%x %X %o %t %c %U %e %.2f" 255 255 8 true 65 65 1.5 1.234}}
{{join .Config.Cmd ","}} {{join .Config.Cmd " "}}
{{json .Config.Labels}} {{json .Name}} {{json .State.Running}} {{json 1}} {{json "a\"b"}}
{{len .Name}} {{len .Config.Cmd}} {{len .Config.Labels}}
{{index .Config.Labels "a"}} {{index .Config.Cmd 1}} {{index .Config.Labels "none"}}
{{slice .Name 1 2}} {{slice .Config.Cmd 1}}
{{split "a,b,c" ","}} {{index (split "a,b,c" ",") 1}}
{{pad "x" 2 3}}| {{pad "" 2 3}}| {{truncate "abcdef" 3}} {{truncate "ab" 3}}
{{println "a" 1 true}}{{print "a" "b" 1 2 "c"}}
{{range .Config.Cmd}}<{{.}}>{{end}} {{range $i, $e := .Config.Cmd}}{{$i}}={{$e}};{{end}}
{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}
{{range .Mounts}}x{{else}}none{{end}}
{{if .State.Running}}up{{else if .State.Paused}}paused{{else}}down{{end}}
{{with .Config}}{{.Hostname | len}}{{end}} {{with .Nothing}}x{{end}}
{{with .State.Error}}has{{else}}no error{{end}}
{{$x := .Name}}{{$x}} {{$y := 5}}{{$y = 6}}{{$y}}
{{eq .Name "made"}} {{ne .Name "made"}} {{eq 1 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 2}} {{eq "a" "b" "a"}}
{{and true false}} {{or false true}} {{not true}} {{and 1 0}} {{or "" "x"}}
{{.State.ExitCode}} {{.State.Running}} {{.RestartCount}} {{.HostConfig.Memory}}
{{html "<a>"}} {{js "it's"}} {{urlquery "a b&c"}}
{{/* comment */}}x{{- " y" -}} z
{{"quoted"}} {{`raw`}} {{'a'}} {{1.5}} {{nil}}
{{.Config.Labels.a}} {{.Config.Labels.none}}
{{len "äö"}} {{printf "%5.1f|%+d|% d|%#x" 2.25 5 5 255}}
{{range $i, $e := split "a b" " "}}{{if $i}},{{end}}{{$e}}{{end}}
{{.Nonsense}}
{{.Config.Nonsense}}
{{.State.Nonsense.More}}
{{.Name.More}}
{{index .Config.Cmd 9}}
{{index .Name "x"}}
{{len 5}}
{{lt "a" 1}}
{{printf "%d" "x"}} {{printf "%s" 1}} {{printf "%z" 1}} {{printf "%d"}} {{printf "a" 1}}
{{"a" | printf "%s-%s" "b"}}
{{split "a"}}
{{break}}
{{range .Config.Cmd}}{{if eq . "-c"}}{{continue}}{{end}}{{.}};{{end}}
{{range .Config.Cmd}}{{.}}{{break}}{{end}}
table {{.Name}}
{{(index .Config.Cmd 0) | upper | printf "%s!"}}
{{ .Name -}}   x
{{not .State.Running | printf "%v"}}
{{nosuch .Name}}
{{.Name
{{if}}x{{end}}
{{range}}x{{end}}
{{end}}
{{if .Name}}
{{$undefined}}
{{.Name | nosuch}}
{{table .Name}}
{{json .}}x{{/*
END
    agree
}
