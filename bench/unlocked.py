"""`lethe` with workers that do not lock themselves in, to measure what that costs. For level C: A and B refuse it.

Takes the arguments of `lethe`. Nothing in the product leads here: no option, no variable.
"""

import sys

from lethe.cli.main import main
from lethe.sandbox import environment
from lethe.sandbox.supervisor import Supervisor

WORKER = """
import sys
from functools import partial
from lethe.sandbox import worker
from lethe.sandbox.lockin.lock import lock_in
from lethe.server.serving import Serving
worker.main(int(sys.argv[1]), int(sys.argv[2]), Serving, partial(lock_in, wanted=()))
"""

if __name__ == "__main__":
    Supervisor.program = ("-c", WORKER)
    vars(environment)["NO_IO_URING"] = {}
    sys.exit(main())
