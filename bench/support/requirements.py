"""The programs that the bench needs, looked for before anything is set up."""

import shutil

from bench.support.databases import find_pgbench
from bench.support.errors import BenchError
from bench.support.wrk import require_wrk


def require_programs() -> str:
    """Return the version of the load generator.

    Raises `BenchError` that names what is missing, and how to get it.
    """
    version = require_wrk()
    for program in ("setpriv", "taskset"):
        if shutil.which(program) is None:
            raise BenchError(f"Processes are started by {program}: apt-get install util-linux.")
    find_pgbench()
    return version
