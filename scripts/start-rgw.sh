#!/bin/bash
# A real S3 server for tests: one-host Ceph (monitor, manager, one object store in memory) and its RADOS Gateway.
#
#   scripts/start-rgw.sh EMPTY_FOLDER [PORT] [--until-eof]
#
# Prints "ready http://127.0.0.1:PORT" after some 15 seconds and runs until Ctrl-C, SIGTERM, or, with --until-eof, the end
# of its standard input; then it stops what it started. S3 access key TESTKEY, secret TESTSECRET1234567890. It listens on
# loopback only and uses PORT, PORT+1 and PORT+2, with no authentication between the daemons. About 420 MB of memory.
# The programs come with scripts/install-rgw.sh.
set -euo pipefail

folder=$(realpath -m "${1:?usage: start-rgw.sh EMPTY_FOLDER [PORT] [--until-eof]}")
port=${2:-7480}
until_eof=${3:-}
pids=()

write_config() {
    mkdir -p "$folder"/{mon,mgr,osd,rgw,run,log}
    fsid=$(cat /proc/sys/kernel/random/uuid)
    monitor="[v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]"
    # ms_mon_client_mode: with the default the daemons wait five minutes for each other when authentication is off.
    cat > "$folder/ceph.conf" << CONF
[global]
fsid = $fsid
mon_host = $monitor
public_network = 127.0.0.0/8
cluster_network = 127.0.0.0/8
ms_bind_ipv6 = false
ms_type = async+posix
ms_mon_client_mode = crc secure
ms_mon_service_mode = crc secure
ms_mon_cluster_mode = crc secure
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_supported = none
run_dir = $folder/run
admin_socket = $folder/run/\$name.asok
pid_file = $folder/run/\$name.pid
log_file = $folder/log/\$name.log
mon_cluster_log_file = $folder/log/cluster.log
mon_warn_on_pool_no_redundancy = false
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mgr_initial_modules =
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_max_object_name_len = 460
osd_max_object_namespace_len = 64
[mon.a]
mon_data = $folder/mon
[mgr.x]
mgr_data = $folder/mgr
[osd.0]
osd_data = $folder/osd
[client.admin]
rgw_data = $folder/rgw
rgw_frontends = beast endpoint=127.0.0.1:$port
rgw_enable_usage_log = false
rgw_enable_ops_log = false
rgw_dns_name = localhost
CONF
}

run() { # program and arguments, in the background, with the folder's settings
    "$1" -c "$folder/ceph.conf" -f "${@:2}" >> "$folder/log/output.log" 2>&1 < /dev/null &
    pids+=($!)
}

cluster() { ceph -c "$folder/ceph.conf" --connect-timeout 30 "$@" 2>> "$folder/log/output.log" < /dev/null; }

wait_for() { # seconds, command
    local deadline=$((SECONDS + $1))
    until "${@:2}"; do
        ((SECONDS < deadline)) || { echo "no answer in $1 s: ${*:2}; see $folder/log" >&2; exit 1; }
        sleep 0.2
    done
}

osd_is_up() { cluster osd stat | grep -q '1 up'; }
answers() { (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; }

stop() {
    trap - EXIT INT TERM
    ((${#pids[@]})) || return 0
    kill "${pids[@]}" 2> /dev/null || true
    { sleep 2; kill -KILL "${pids[@]}"; } > /dev/null 2>&1 &
    wait "${pids[@]}" || true
    kill $! 2> /dev/null || true
}
trap stop EXIT
trap 'exit 143' INT TERM

export CEPH_CONF="$folder/ceph.conf" CEPH_ARGS=
write_config
{
    monmaptool --create --clobber --fsid "$fsid" --addv a "$monitor" "$folder/monmap"
    ceph-mon -c "$folder/ceph.conf" -i a --mkfs --monmap "$folder/monmap"
} >> "$folder/log/output.log" 2>&1
run ceph-mon -i a
wait_for 60 cluster -s > /dev/null
run ceph-mgr -i x
osd=$(cat /proc/sys/kernel/random/uuid)
cluster osd new "$osd" 0 > /dev/null
ceph-osd -c "$folder/ceph.conf" -i 0 --mkfs --osd-uuid "$osd" >> "$folder/log/output.log" 2>&1
run ceph-osd -i 0
cluster osd crush add osd.0 1.0 root=default host=test > /dev/null
wait_for 60 osd_is_up
run radosgw -n client.admin
wait_for 120 answers
radosgw-admin -c "$folder/ceph.conf" user create --uid=test --display-name=test \
    --access-key=TESTKEY --secret-key=TESTSECRET1234567890 >> "$folder/log/output.log" 2>&1 < /dev/null
echo "ready http://127.0.0.1:$port"

if [ "$until_eof" = --until-eof ]; then
    cat > /dev/null
else
    wait -n "${pids[@]}"
    echo "a daemon ended; see $folder/log" >&2
    exit 1
fi
