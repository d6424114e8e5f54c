#!/usr/bin/env bats
# The examples of Podman's manual pages, with this suite's images, and what a user of docker(1) types: given to coracle and to
# podman.
load suite
load compare

setup_file() {
    start_root bb layers60
    command -v podman >/dev/null || skip "podman is not installed"
    cd "$FILE_DIR"
    local each
    for each in coracle podman; do
        $each run -d --name web --network none --label app=web -v data:/data -e A=b $BB sh -c 'echo one; echo two >&2; echo new >/tmp/new; exec sleep 1000' >/dev/null
        $each create --name c1 --network none $BB echo c1 >/dev/null
        $each run --name old --network none $BB sh -c 'echo x >/etc/x; rm /etc/group; exit 4' >/dev/null 2>&1 || true
    done
    echo secret >"$FILE_DIR/secret.json"
}
teardown_file() {
    local each
    for each in coracle podman; do $each rm -fa -t 0 >/dev/null 2>&1 || true; done
    end_root
}
setup() {
    only_coracle
    cd "$FILE_DIR"
    MISMATCHES=
}
both() {
    coracle "$@" >/dev/null 2>&1 || true
    podman "$@" >/dev/null 2>&1 || true
}

@test "comparedoc: run" {
    all run --rm --tz=Nowhere/At $BB date
    all run --rm -a nosuch $BB true
    out run --rm --requires c1 $BB true
    all create --requires nosuch $BB true
    all run --rm --network container:nosuch $BB true
    all run --rm --device /dev/nosuch $BB true
    all run --rm --mount type=bind,src=/nosuch,dst=/x $BB true
    all run --rm --mount src=data,dst=/x $BB true
    all run --rm --env-file /nosuch $BB true
    all run --rm --user nosuch $BB true
    all run --rm --name web $BB true
    out run --rm --entrypoint '["sh","-c"]' $BB 'echo $0 $1' a b
    out run --rm --read-only --read-only-tmpfs=false --tmpfs /run $BB touch /run/x /tmp/x
    agree
}

@test "comparedoc: ps" {
    out ps -a --format '{{.ID}}  {{.Image}}  {{.Labels}}  {{.Mounts}}'
    out ps -a --filter status=exited --filter exited=4 --format '{{.Names}} {{.Status}}'
    out ps -a --filter label=app=db --format '{{.Names}}'
    out ps -a --filter volume=data --format '{{.Names}}'
    out ps -a --filter ancestor=$BB --filter name=^c --format '{{.Names}}'
    out ps -a --filter before=old --format '{{.Names}}'
    out ps -a --filter since=web --format '{{.Names}}'
    out ps -a --noheading --format 'table {{.Names}}'
    out ps --latest --format '{{.Names}}'
    out ps -a --no-trunc --format '{{.Command}}'
    all ps --filter status=nosuch
    all ps --sort nosuch
    all ps --format '{{.Nosuch}}'
    all ps -l -n 2
    agree
}

# Fields that JSON leaves out when they are empty have Go's zero value in templates.
@test "comparedoc: inspect" {
    local f all=
    for f in .NetworkSettings.Networks 'len .NetworkSettings.Networks' .Config.Timezone .Config.Secrets .Config.Healthcheck .Config.ChrootDirs \
        .State.Checkpointed .State.CheckpointLog .State.RestoreLog .State.CheckpointPath .SizeRw .SizeRootFs .HostConfig.IDMappings .Pod \
        .Config.StopSignal .NetworkSettings.IPAddress .State.Error .HostConfig.Devices .ExecIDs .HostConfig.Tmpfs .IsInfra; do
        all+="$f {{$f}} "
    done
    out inspect -f "$all" web c1
    all=
    for f in .HealthCheck .Config.Volumes .Config.ExposedPorts .Config.WorkingDir .Config.StopSignal .Config.Labels .Config.User .Config.Entrypoint \
        .Config.ArgsEscaped .Comment .Labels .User .Annotations; do
        all+="$f {{$f}} "
    done
    out image inspect -f "$all" localhost/layers60
    out image inspect -f '{{if .Config.Labels}}l{{end}}{{with .Config.User}}u{{else}}root{{end}} {{json .Config.ExposedPorts}}' localhost/layers60
    all=
    for f in .Labels .Options .UID .GID .Anonymous .Timeout .StorageID; do all+="$f {{$f}} "; done
    out volume inspect -f "$all" data
    out inspect -f '{{.State.Status}} {{.State.Running}} {{json .Config.Labels}} {{range .Mounts}}{{.Type}}:{{.Name}}:{{.Destination}}{{end}}' web
    out inspect -f '{{range $n, $c := .NetworkSettings.Networks}}{{$n}}{{end}}{{.HostConfig.RestartPolicy.Name}}' web
    out inspect -f '{{define "T"}}<{{.}}>{{end}}{{template "T" .Name}}{{block "B" .State}}{{.Status}}{{end}}' web
    all inspect --type volume nosuch
    all inspect --type container $BB
    all inspect -f '{{.Nosuch}}' web
    agree
}

@test "comparedoc: files, logs and words" {
    out logs -t --since 2h web
    all logs --tail x web
    out diff --format json old
    all cp web:/nosuch .
    all cp a b
    all cp web:/tmp/new
    out commit -q --change CMD=/bin/bash --change ENTRYPOINT=/bin/sh --change "LABEL blue=image" old image-committed
    out image inspect -f '{{.Config.Cmd}} {{.Config.Entrypoint}} {{.Labels}}' image-committed
    all commit --change NOSUCH=x old
    all export -o /nosuch/x web
    all rename old web
    all rename old 'a b'
    all stop c1
    all kill --signal nosuch web
    all attach old
    all exec web nosuch
    out exec -w /tmp web pwd
    all start -a web old
    all healthcheck run web
    all rm web
    all untag nosuch
    all tag nosuch x
    all rmi -f nosuch
    all images --filter nosuch=x
    code images --sort nosuch
    all image prune -f --filter nosuch=x
    all save nosuch
    all save -o x.tar --format nosuch $BB
    all load -i /nosuch
    run_both load -i secret.json
    has "$(cat "$FILE_DIR/coracle.err")" "payload does not match any of the supported image formats"
    agree
}

@test "comparedoc: volumes, secrets, networks" {
    out volume create --label foo=bar myvol
    all volume create myvol
    out volume ls --filter label=foo --format '{{.Driver}} {{.Scope}} {{.Name}} {{.Labels}}'
    out volume inspect myvol --format '{{.Driver}} {{.Scope}} {{.Labels}} {{.Options}}'
    all volume ls --format '{{.Nosuch}}'
    all volume rm data
    out volume export myvol -o myvol.tar
    out volume import myvol myvol.tar
    all volume import nosuch myvol.tar
    out volume prune -f --filter label=nosuch
    out volume rm myvol
    all secret create my_secret2 /nosuch
    all secret create 'a b' secret.json
    both secret create my_secret secret.json
    out secret inspect --format '{{.Spec.Name}} {{.Spec.Driver.Name}}' my_secret
    out run --rm --secret source=my_secret,uid=1,gid=2,mode=0400,target=/x $BB stat -c '%u %g %a' /x
    all run --rm --secret nosuch $BB true
    both secret rm my_secret
    all network rm podman
    all network create podman
    all network ls --filter nosuch=x
    all system connection rename a b
    all version --format '{{.Nosuch}}'
    agree
}
