# shellcheck shell=bash disable=SC2034  # sourced
# The Debian and Ubuntu packages that tailcube needs, for scripts to source. For root, `need_packages` installs what is missing; for
# others it prints the line that does and ends with 69.
build_packages="g++ cmake ninja-build libopenmpi-dev openmpi-bin libhdf5-openmpi-dev libeigen3-dev libspdlog-dev libcli11-dev
  libtomlplusplus-dev libhwy-dev libssl-dev node-d3"
test_packages="catch2 nlohmann-json3-dev libboost-math-dev librandom123-dev libquantlib0-dev python3 python3-h5py python3-xarray
  python3-netcdf4 python3-h5netcdf python3-matplotlib netcdf-bin hdf5-tools r-bioc-rhdf5 chromium
  poppler-utils"
cluster_packages="slurmctld slurmd slurm-client munge iproute2"  # a Slurm of our own for a test, which needs root
check_packages="git shellcheck clang clang-format clang-tidy libomp-14-dev libbenchmark-dev libhdf5-dev mpich libmpich-dev
  libhdf5-mpich-dev"

missing_packages() {
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || printf ' %s' "$package"
  done
}

need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian or Ubuntu: taking for granted what is called there: $*" >&2
    return 0
  fi
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    printf 'Packages are missing. As an administrator:\n  apt-get install -y --no-install-recommends%s\n' "$missing" >&2
    exit 69
  fi
  echo "Installing:$missing" >&2
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086  # a list of words
  apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >&2 ||
    { apt-get -o DPkg::Lock::Timeout=300 update >&2 && apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >&2; } ||
    { echo "apt-get could not install:$missing" >&2; exit 69; }
}

# Open MPI: as root too, more ranks than cores, no rank bound to a single core, and shared memory that works in containers.
mpi_environment() {
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
  export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
}
