#!/bin/bash
# A job in SHARDS parts without MPI, as a job array, and a job that puts them together when all are done:
#   jobs/pbs/submit_array.sh JOB.toml OUTPUT SHARDS [options of tailcube run]
# The same command again submits only the parts that are not in OUTPUT.
# QSUB_OPTIONS: more options of qsub for all of it, for instance "-q short -l walltime=00:20:00"; TAILCUBE is passed on.
set -euo pipefail
usage="usage: submit_array.sh JOB.toml OUTPUT SHARDS [options of tailcube run]"
job=${1:?$usage} output=${2:?$usage} shards=${3:?$usage}
shift 3
[[ $shards =~ ^[1-9][0-9]*$ ]] || { echo "SHARDS '$shards' is not a positive number; $usage" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
read -r -a more <<<"${QSUB_OPTIONS:-}"
# qsub -v takes the values from here.
export JOB=$job OUTPUT=$output SHARDS=$shards OPTIONS="$*" TAILCUBE=${TAILCUBE:-tailcube}
variables=JOB,OUTPUT,SHARDS,OPTIONS,TAILCUBE

# The merge must read the same job: it gets the settings, and the tally that the shards extend.
of_merge=()
for ((i = 1; i <= $#; i++)); do
  next=$((i + 1))
  case ${!i} in
    --set) of_merge+=(--set "${!next}") ;;
    --set=*) of_merge+=("${!i}") ;;
    --extend) of_merge+=("${!next}") ;;
    --extend=*) of_merge+=("${!i#--extend=}") ;;
  esac
done

missing=()
for shard in $(seq "$shards"); do
  [ -e "$output/$(printf 'shard-%04d-of-%04d.tally' "$shard" "$shards")" ] || missing+=("$shard")
done
after=()
if [ ${#missing[@]} -eq "$shards" ] && [ "$shards" -gt 1 ]; then
  after=("$(qsub "${more[@]}" -J "1-$shards" -v "$variables" "$here/array.pbs")")
else  # -J takes a range of at least two, not a list
  for shard in "${missing[@]}"; do
    after+=("$(qsub "${more[@]}" -v "$variables,SHARD=$shard" "$here/array.pbs")")
  done
fi
depend=()
if [ ${#after[@]} -gt 0 ]; then
  depend=(-W "depend=afterok:$(IFS=:; echo "${after[*]}")")
  echo "shards ${missing[*]}: ${after[*]}"
fi
export OPTIONS="${of_merge[*]}"
echo "merge: $(qsub "${more[@]}" "${depend[@]}" -v JOB,OUTPUT,OPTIONS,TAILCUBE "$here/merge.pbs")"
