#!/usr/bin/env bash
# Stop the cluster that up.sh started in DIR, and nothing else.   tests/slurm/down.sh DIR [--purge]
set -uo pipefail

lab=${1:?usage: down.sh DIR [--purge]}

# stop PIDFILE NAME: end the process in the pid file, if it still is what up.sh started
stop() {
  local pid
  [ -s "$1" ] || return 0
  pid=$(cat "$1")
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] || return 0
  kill "$pid" 2>/dev/null
  for _ in $(seq 50); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null
}

if [ -f "$lab/slurm.conf" ]; then
  export SLURM_CONF=$lab/slurm.conf
  timeout 5 scancel --me 2>/dev/null
  sleep 0.5
fi
for file in "$lab"/pid/slurmd-*.pid; do stop "$file" slurmd; done
stop "$lab/pid/slurmctld.pid" slurmctld
stop "$lab/pid/munged.pid" munged
if [ "${2:-}" = --purge ]; then rm -rf "$lab"; fi
exit 0
