#!/usr/bin/env bash
# A table on three hosts, one of which dies in the middle: tests/cluster/namespaces.sh [--tls]. Not part of CI: it needs root.
# The hosts are network namespaces on a bridge. A scheduler and the command are on the first, a worker on each of the others.
# In the middle the link of the third is cut and its processes are killed, so that nobody learns of it but by its silence.
# TABLE=ding2016_table3, and REFERENCE=DIR keeps the report without a cluster for the next time.
. "$(dirname "$0")/common.sh"
need iproute2 ip
net=10.77.0
hosts=(emotiw-scheduler emotiw-worker1 emotiw-worker2)
unset protocol

at() {  # a host, a command: run it there, under the host's own name
    ip netns exec "$1" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$@"
}
make_hosts() {
    local i
    ip link add emotiw-bridge type bridge
    ip link set emotiw-bridge up
    for i in 0 1 2; do
        ip netns add "${hosts[i]}"
        ip link add "emotiw-veth$i" type veth peer name eth0 netns "${hosts[i]}"
        ip link set "emotiw-veth$i" master emotiw-bridge up
        ip -n "${hosts[i]}" addr add $net.$((i + 1))/24 dev eth0
        ip -n "${hosts[i]}" link set eth0 up
        ip -n "${hosts[i]}" link set lo up
    done
}
kill_host() {  # its number: the link first, so that no process can say goodbye
    ip link set "emotiw-veth$1" down
    ip netns pids "${hosts[$1]}" | xargs -r kill -9
}
remove_hosts() {
    local i
    for i in 0 1 2; do
        ip netns pids "${hosts[i]}" 2> /dev/null | xargs -r kill -9 2> /dev/null || true
        ip netns del "${hosts[i]}" 2> /dev/null || true
    done
    ip link del emotiw-bridge 2> /dev/null || true
    rm -rf "$dir"
}
make_tls() {  # certificates and dask's configuration of all hosts, as the notebook of emotiw.experiments.cluster shows it
    need openssl openssl
    local tls=$dir/tls role
    mkdir "$tls" "$dir/dask"
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=ca -keyout "$tls/ca.key" -out "$tls/ca.pem" 2> /dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=host -keyout "$tls/host.key" -out "$tls/host.csr" 2> /dev/null
    openssl x509 -req -in "$tls/host.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 1 \
        -out "$tls/host.pem" 2> /dev/null
    {
        printf 'distributed:\n  comm:\n    require-encryption: true\n    tls:\n      ca-file: %s\n' "$tls/ca.pem"
        for role in scheduler worker client; do
            printf '      %s: {cert: %s, key: %s}\n' $role "$tls/host.pem" "$tls/host.key"
        done
    } > "$dir/dask/distributed.yaml"
    export DASK_CONFIG=$dir/dask
    protocol=tls
}
start_cluster() {
    local i
    address=${protocol:-tcp}://$net.1:8786
    at "${hosts[0]}" dask scheduler --host $net.1 --no-dashboard ${protocol:+--protocol $protocol} > "$log.scheduler" 2>&1 &
    for i in 1 2; do
        EMOTIW_HOME=$home at "${hosts[i]}" emotiw worker "$address" --host $net.$((i + 1)) --no-dashboard \
            --local-directory "$dir/worker$i" > "$log.worker$i" 2>&1 &
    done
    until grep -q 'Register worker' "$log.scheduler" && [ "$(grep -c 'Register worker' "$log.scheduler")" = 2 ]; do sleep 1; done
}
trap remove_hosts EXIT
reference
[ "${1:-}" != --tls ] || make_tls
make_hosts
start_cluster
say "a scheduler at $address, and two workers"

started=$SECONDS
if at "${hosts[0]}" emotiw tables --scale tiny --cluster "${protocol:-tcp}://$net.9:8786" 2> "$log.silent"; then stop 'a silent address was accepted'; fi
grep -c '^emotiw: ' "$log.silent" | grep -qx 1 || { cat "$log.silent" >&2; stop 'not one line'; }
say "an address where nobody is: $((SECONDS - started)) s; $(grep '^emotiw: ' "$log.silent")"

mkdir "$dir/bin"
printf '#!/bin/sh\nexec ip netns exec %s %s "$@"\n' "${hosts[0]}" "$(command -v emotiw)" > "$dir/bin/emotiw"
chmod +x "$dir/bin/emotiw"
PATH=$dir/bin:$PATH start_table --cluster "$address"
wait_for_runs 2
kill_host 2
say "${hosts[2]} is dead"
same_csv
grep -E 'Remove worker|lost' "$log.scheduler" | head -n 3 || true
