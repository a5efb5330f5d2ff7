#!/bin/sh
# Records what docker says of containers that are well and unwell. Needs a daemon and a static /bin/busybox; to be run
# again when a format in `agent/src/act/healthy.rs` changes (write it to `recorded/format.line` or `format.state` first).
set -eu
cd "$(dirname "$0")/recorded"
tar -C / --transform 's,bin/busybox,bin/sh,' -cf - bin/busybox | docker import - play-busybox:1 >/dev/null
make() {
    name=$1
    shift
    docker run -d --name "play-$name" --network none --label com.docker.compose.project=play \
        --label com.docker.compose.oneoff=False --label "com.docker.compose.service=$name" "$@" || :
}
probed="--health-interval 1s --health-retries 1"
# shellcheck disable=SC2086
make web --restart unless-stopped $probed --health-cmd 'echo fine' play-busybox:1 /bin/sh -c 'echo web is listening; sleep 600'
# shellcheck disable=SC2086
make db --restart unless-stopped $probed --health-cmd 'echo "could not connect: no such socket"; exit 1' play-busybox:1 \
    /bin/sh -c 'echo starting; echo "data directory has wrong ownership" >&2; sleep 600'
make migrate --restart no play-busybox:1 /bin/sh -c \
    'for i in 1 2 3; do echo "migration $i"; done; echo "relation users does not exist" >&2; exit 3'
make once --restart on-failure play-busybox:1 /bin/sh -c 'echo done'
make work --restart no play-busybox:1 /bin/sh -c 'echo still at it; sleep 600'
make crash --restart always play-busybox:1 /bin/sh -c 'echo "port is taken" >&2; exit 1'
make empty --restart always play-busybox:1 /no/such/program
sleep 20
for name in web db migrate once work crash empty; do
    docker ps -aq --no-trunc --filter "label=com.docker.compose.service=$name" >"$name.id"
    docker inspect --format "$(cat format.line)" "$(cat "$name.id")" >"$name.line"
    docker inspect --format "$(cat format.state)" "$(cat "$name.id")" >"$name.state"
    docker logs --tail 20 "$(cat "$name.id")" >"$name.out" 2>"$name.err"
    docker rm -f "play-$name" >/dev/null
done
docker rmi play-busybox:1 >/dev/null
