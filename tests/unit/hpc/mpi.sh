#!/bin/sh
# mpi.sh EXPECTED_EXIT_CODE RANKS PROGRAM [ARGUMENT...]: runs a program under mpirun and checks how it ends. Works as root, with more
# ranks than cores and in containers; a run that hangs is ended.
expected=$1 ranks=$2
shift 2
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_btl_vader_single_copy_mechanism=none
told=$(mktemp)  # no pipe, which a rank that hangs would keep open
trap 'rm -f "$told"' EXIT
timeout -k 5 "${TAILCUBE_TEST_SECONDS:-60}" "${MPIEXEC:-mpirun}" -n "$ranks" "$@" >"$told" 2>&1
code=$?
cat "$told"
[ "$code" -eq "$expected" ] && exit 0
# MPICH's launcher sometimes returns the signal with which it ended the other ranks, not the code of the one that aborted.
[ "$code" -eq 9 ] && grep -q "Abort($expected)" "$told" && exit 0
echo "ended with $code instead of $expected" >&2
exit 1
