#!/usr/bin/env bash
# Trains on machines that are named by hand; give the same command on each, but for the first number, from 0:
#
#     experiments/cluster/machines.sh 0 ada:34567,bob:34567 --dataset=flickr8k --model=fusion --run_name=fusion    # on ada
#     experiments/cluster/machines.sh 1 ada:34567,bob:34567 --dataset=flickr8k --model=fusion --run_name=fusion    # on bob
#
# When a process is lost all end, and go on from the last saved state, ATTEMPTS times at most.
set -euo pipefail

number="$1" workers="\"${2//,/\",\"}\""
shift 2
export TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": {\"type\": \"worker\", \"index\": $number}}"

for ((attempt = 1; attempt <= ${ATTEMPTS:-5}; attempt++)); do
  python -m cmr.train --strategy=multi_worker "$@" && exit 0
  echo "attempt $attempt ended with an error" >&2
done
exit 1
