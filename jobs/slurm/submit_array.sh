#!/bin/bash
# A job in SHARDS parts without MPI, as a job array, and a job that puts them together when all are done:
#   jobs/slurm/submit_array.sh JOB.toml OUTPUT SHARDS [options of tailcube run]
# The same command again submits only the parts that are not in OUTPUT.
# SBATCH_OPTIONS: more options of sbatch for all of it, for instance "--partition=short --time=00:20:00".
set -euo pipefail
usage="usage: submit_array.sh JOB.toml OUTPUT SHARDS [options of tailcube run]"
job=${1:?$usage} output=${2:?$usage} shards=${3:?$usage}
shift 3
[[ $shards =~ ^[1-9][0-9]*$ ]] || { echo "SHARDS '$shards' is not a positive number; $usage" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
read -r -a more <<<"${SBATCH_OPTIONS:-}"

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
if [ ${#missing[@]} -gt 0 ]; then
  list=$(IFS=,; echo "${missing[*]}")
  [ ${#missing[@]} -lt "$shards" ] || list=1-$shards
  array=$(sbatch --parsable "${more[@]}" --array="$list" "$here/array.sbatch" "$job" "$output" "$shards" "$@")
  # --parsable prints NUMBER or NUMBER;CLUSTER. When a shard fails, the merge is cancelled instead of waiting for ever.
  after=(--dependency="afterok:${array%%;*}" --kill-on-invalid-dep=yes)
  echo "shards $list: job array ${array%%;*}"
fi
merge=$(sbatch --parsable "${more[@]}" "${after[@]}" "$here/merge.sbatch" "$job" "$output" "${of_merge[@]}")
echo "merge: job ${merge%%;*}"
