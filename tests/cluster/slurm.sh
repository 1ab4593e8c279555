#!/usr/bin/env bash
# A table by jobs of a real SLURM on this machine, one of whose nodes is drained in the middle: tests/cluster/slurm.sh.
# Not part of CI: it needs root, and Debian's slurm-wlm and munge. Three nodes of one processor each are three slurmd.
# TABLE=ding2016_table3; REFERENCE=DIR keeps the report without a cluster for the next time; WORKERS=1: only a job that
# is started again can finish the table.
. "$(dirname "$0")/common.sh"
need munge munged mungekey
need slurm-wlm slurmctld slurmd sbatch squeue scontrol scancel
python -c 'import dask_jobqueue' 2> /dev/null || stop "absent: dask-jobqueue (pip install 'emotiw[cluster]')"
export SLURM_CONF=$dir/slurm.conf DASK_CONFIG=$dir/dask
daemons=()

configure() {
    mkdir -p "$dir"/{state,munge,dask} "$dir"/spool/n{1,2,3}
    mungekey -c -k "$dir/munge/key"
    cat > "$SLURM_CONF" <<END
ClusterName=emotiw
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=17817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/slurmctld.pid
SlurmctldLogFile=$log.slurmctld
SlurmdSpoolDir=$dir/spool/%n
SlurmdPidFile=$dir/spool/%n/pid
SlurmdLogFile=$dir/spool/%n/log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MpiDefault=none
ReturnToService=2
KillWait=5
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17821 CPUs=1 RealMemory=3000
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17822 CPUs=1 RealMemory=3000
NodeName=n3 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17823 CPUs=1 RealMemory=3000
PartitionName=emotiw Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    cat > "$dir/dask/jobqueue.yaml" <<END
jobqueue:
  slurm:
    queue: emotiw
    walltime: '01:00:00'
    memory: 2 GiB
    interface: lo
END
}
start_slurm() {
    munged --foreground --force --socket="$dir/munge/socket" --key-file="$dir/munge/key" --pid-file="$dir/munge/pid" \
        --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" > "$log.munged" 2>&1 & daemons+=($!)
    sleep 2
    slurmctld -D > "$log.slurmctld.out" 2>&1 & daemons+=($!)
    local node
    for node in n1 n2 n3; do slurmd -D -N $node > "$log.$node" 2>&1 & daemons+=($!); done
    until [ "$(sinfo -h -t idle -o %D 2> /dev/null || true)" = 3 ]; do
        kill -0 "${daemons[@]}" 2> /dev/null || { tail -n 5 "$log".* "$dir"/munge/log >&2; stop 'SLURM does not start'; }
        sleep 1
    done
}
stop_slurm() {
    scancel --user=root 2> /dev/null || true
    sleep 1
    kill "${daemons[@]}" 2> /dev/null || true
    wait "${daemons[@]}" 2> /dev/null || true
    rm -rf "$dir"
}
follow_jobs() {  # print the jobs whenever they change, until the command ends
    local now before=
    while kill -0 $command 2> /dev/null; do
        now=$(squeue -h -o '%i %T %N' | sort | paste -sd ';')
        [ "$now" = "$before" ] || say "jobs: $now"
        before=$now
        sleep .5
    done
}
trap stop_slurm EXIT
reference
configure
start_slurm
say "SLURM $(sinfo --version | cut -d ' ' -f 2): $(sinfo -h -o '%D nodes, %c processor each')"

new_home "$home"
if DASK_JOBQUEUE__SLURM__QUEUE=nowhere tables "$home" "$dir/reports" --cluster slurm --workers 2 2> "$log.queue"; then
    stop 'a partition that does not exist was accepted'
fi
grep '^emotiw: ' "$log.queue"

start_table --cluster slurm --workers "${WORKERS:-2}"
wait_for_runs 2
node=$(squeue -h -t RUNNING -o %N | head -n 1)
scontrol update NodeName="$node" State=DRAIN Reason=test
say "$node is drained: its job may end, no other starts there"
sleep 2
scontrol update NodeName="$node" State=DOWN Reason=test
say "$node is down: its job is killed"
follow_jobs
same_csv
sleep 2
say "jobs left after the command: $(squeue -h | wc -l)"
