#!/usr/bin/env bash
# Bring up a real Slurm cluster on loopback: munged, slurmctld and one slurmd per node.
#
#   [SLURM_LAB_NODES=3] tests/slurm/up.sh DIR     then   . DIR/env.sh
#   tests/slurm/down.sh DIR
#
# Needs root on Debian or Ubuntu: it installs four packages with apt-get if they are missing, and
# slurmd starts jobs as their users. Everything else lies under DIR; /etc/slurm, /run/munge and
# the packages' own services are left alone. Exits with a reason when it cannot.
set -euo pipefail

lab=${1:?usage: up.sh DIR}
nodes=${SLURM_LAB_NODES:-1}
cpus=${SLURM_LAB_CPUS:-4}
port=${SLURM_LAB_PORT:-17817}
packages=(slurmctld slurmd slurm-client munge)

fail() { echo "up.sh: $*" >&2; exit 1; }
note() { echo "[${SECONDS}s] $*"; }

[ "$(id -u)" = 0 ] || fail "needs root: slurmd starts jobs as other users"

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "no apt-get to install ${missing[*]} with"
  note "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # policy-rc.d keeps the packages from starting services of their own.
  local policy=/usr/sbin/policy-rc.d ours=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    ours=yes
  fi
  local log=$lab/log/apt.log
  apt-get install -y -qq --no-install-recommends "${missing[@]}" > "$log" 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
      >> "$log" 2>&1 || { tail -n 5 "$log" >&2; fail "cannot install ${missing[*]}"; }
  [ -z "$ours" ] || rm -f "$policy"
}

write_configuration() {
  local host first last
  host=$(hostname -s)
  first=$((port + 1))
  last=$((port + nodes))
  cat > "$lab/slurm.conf" <<CONF
ClusterName=jobsynclab
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$lab/munge/socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/spool/%n
SlurmctldPidFile=$lab/pid/slurmctld.pid
SlurmdPidFile=$lab/pid/slurmd-%n.pid
SlurmctldLogFile=$lab/log/slurmctld.log
SlurmdLogFile=$lab/log/slurmd-%n.log
# No cgroups and no accounting: works in a container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
ReturnToService=2
MinJobAge=300
KillWait=2
SlurmctldTimeout=30
SlurmdTimeout=60
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$first-$last] CPUs=$cpus RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=60 State=UP
PartitionName=short Nodes=ALL MaxTime=2 State=UP
CONF
  # Slurm's parser takes a port list of one only as a number.
  if [ "$nodes" = 1 ]; then
    sed -i "s/NodeName=n\[1-1\]/NodeName=n1/; s/Port=\[$first-$last\]/Port=$first/" "$lab/slurm.conf"
  fi
  echo "export SLURM_CONF=$lab/slurm.conf" > "$lab/env.sh"
}

# within SECONDS COMMAND...: wait until the command succeeds
within() {
  local tries=$(($1 * 10))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.1
  done
}

all_idle() { [ "$(sinfo -h -p debug -t idle -o %D 2>/dev/null)" = "$nodes" ]; }
munge_answers() { munge -n -S "$lab/munge/socket" >/dev/null 2>&1; }

start_munge() {
  (umask 077; head -c 1024 /dev/urandom > "$lab/munge/key")
  munged --force --key-file="$lab/munge/key" --socket="$lab/munge/socket" \
    --pid-file="$lab/pid/munged.pid" --log-file="$lab/log/munged.log" \
    --seed-file="$lab/munge/seed" --num-threads=2
  within 5 munge_answers || fail "munged does not answer; see $lab/log/munged.log"
}

start_slurm() {
  local node
  slurmctld -f "$lab/slurm.conf"
  for node in $(seq "$nodes"); do
    slurmd -f "$lab/slurm.conf" -N "n$node"
  done
  if ! within 20 all_idle; then
    tail -n 5 "$lab"/log/*.log >&2
    fail "the nodes do not become idle"
  fi
}

mkdir -p "$lab"
lab=$(cd "$lab" && pwd -P)
mkdir -p "$lab"/{state,log,munge,pid}
for node in $(seq "$nodes"); do mkdir -p "$lab/spool/n$node"; done
chmod 755 "$lab"
chmod 711 "$lab/munge"
install_packages
write_configuration
export SLURM_CONF=$lab/slurm.conf
start_munge
start_slurm
note "Slurm $(sinfo --version | cut -d' ' -f2) with $nodes node(s):  . $lab/env.sh"
