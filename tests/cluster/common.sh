# To be sourced by namespaces.sh and slurm.sh: the command, its folders, and the comparison with a table without a cluster
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} OMP_NUM_THREADS=1
table=${TABLE:-ding2016_table3}
dir=$(mktemp -d -t emotiw-cluster.XXXXXX)
home=$dir/home  # the EMOTIW_HOME that all hosts share
log=$dir/log

say() { echo "$(date +%T) $*"; }
stop() { echo "$*" >&2; exit 1; }

need() {  # a package of Debian, and commands that it has: ends with what is absent
    local package=$1 command; shift
    for command in "$@"; do command -v "$command" > /dev/null || stop "absent: $command (apt-get install $package)"; done
}
[ "$(id -u)" = 0 ] || stop 'absent: root, who may make hosts on this machine'

new_home() {  # a folder: an EMOTIW_HOME that shares only the synthetic data sets with the user's
    python -c 'import sys; from pathlib import Path; from emotiw.core import share_synthetic as s; s(Path(sys.argv[1]))' "$1"
}
tables() {  # EMOTIW_HOME, folder of the reports, further options
    EMOTIW_HOME=$1 emotiw tables --scale tiny --only "$table" --reports "$2" "${@:3}"
}
reference() {  # the table without a cluster; REFERENCE names a folder where it is kept
    reference=${REFERENCE:-$dir/reference}
    [ -e "$reference/synthetic/$table.csv" ] && return
    say "$table on this machine"
    new_home "$dir/reference_home"
    tables "$dir/reference_home" "$reference" --workers 1 > "$log.reference" 2>&1 || { cat "$log.reference" >&2; exit 1; }
}
start_table() {  # the options that name the cluster
    [ -e "$home" ] || new_home "$home"
    tables "$home" "$dir/reports" "$@" > "$log.table" 2>&1 &
    command=$!
}
n_runs() { find "$home/runs" -name '*.json' 2> /dev/null | wc -l; }
wait_for_runs() {  # how many are stored before the middle is reached
    until [ "$(n_runs)" -ge "$1" ]; do
        kill -0 $command 2> /dev/null || { cat "$log.table" >&2; stop 'the table ended before its middle'; }
        sleep .2
    done
    say "$(n_runs) runs are stored"
}
same_csv() {  # wait for the table, and compare every csv of its report, byte by byte
    wait $command || { cat "$log.table" >&2; stop 'the table failed'; }
    say "the table is finished, $(n_runs) runs are stored"
    diff <(cd "$reference/synthetic"; cksum ./*.csv) <(cd "$dir/reports/synthetic"; cksum ./*.csv) ||
        stop 'the csv files differ from those without a cluster'
    say "the same $(ls "$reference"/synthetic/*.csv | wc -l) csv files as without a cluster"
}
