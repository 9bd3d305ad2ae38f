# A Spack recipe that builds tailcube from the clone that it lies in:
#   spack repo add jobs/clusters/spack && spack install tailcube ^openmpi
# What was tried with it: docs/clusters.md.
import os

from spack.package import *

try:
    from spack_repo.builtin.build_systems.cmake import CMakePackage
except ImportError:  # before Spack 1.0 it is one of spack.package
    pass

CLONE = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 5))


class Tailcube(CMakePackage):
    """Scenario grid for the tail risk of portfolios of tokenized real-world assets."""

    git = f"file://{CLONE}"
    license("Apache-2.0")
    version("main", branch="main")

    variant("mpi", default=True, description="Ranks on many nodes; without, threads of one process")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("ninja", type="build")
    depends_on("eigen@3.4:3")
    depends_on("spdlog")
    depends_on("cli11")
    depends_on("tomlplusplus")
    depends_on("highway")
    depends_on("openssl")
    depends_on("mpi", when="+mpi")
    depends_on("hdf5+mpi", when="+mpi")
    depends_on("hdf5~mpi", when="~mpi")
    requires("target=x86_64_v3:", msg="an x86-64 processor with AVX2 and FMA is needed")
    conflicts("%gcc@:11", msg="C++20 as of GCC 12 is needed")
    generator("ninja")

    def cmake_args(self):
        return [self.define_from_variant("TAILCUBE_MPI", "mpi"), self.define("TAILCUBE_TESTS", False)]
