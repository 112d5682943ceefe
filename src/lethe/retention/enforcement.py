"""What the kernel enforces on a worker, and which levels that is enough for."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from msgspec import Struct

from lethe.retention.levels import Level


class Mechanism(StrEnum):
    """One thing that the kernel keeps a worker from doing."""

    FSIZE = "fsize"  # no byte into any file
    CORE = "core"  # no core dump
    DUMPABLE = "dumpable"  # no other process of the user reads its memory
    NO_NEW_PRIVS = "no-new-privs"
    SECCOMP = "seccomp"  # no exec, no ptrace, no memfd, no new unix sockets
    LANDLOCK = "landlock"  # no file opened for writing
    LANDLOCK_NET = "landlock-net"  # no TCP but to the upstreams' ports and DNS
    NO_SWAP = "no-swap"  # memory reaches no disk


class State(StrEnum):
    ENFORCED = "enforced"
    ABSENT = "absent"  # the host does not have it
    REFUSED = "refused"  # the host has it and did not let us


# What can be done without at A and B if the operator says so, by name.
ACCEPTABLE: frozenset[Mechanism] = frozenset({Mechanism.LANDLOCK, Mechanism.LANDLOCK_NET, Mechanism.SECCOMP})
# What A2 and B need. Swap is reported there, and kept out at A1, where nothing may be kept anywhere.
REQUIRED: frozenset[Mechanism] = frozenset(Mechanism) - {Mechanism.NO_SWAP}


class Enforcement(Struct, frozen=True):
    """The state of each mechanism in one process."""

    states: Mapping[Mechanism, State]

    def lacking(self, level: Level, accepted: Collection[str]) -> tuple[Mechanism, ...]:
        """What this level needs and this process has not, apart from what the operator accepts. C takes what is."""
        if level is Level.C:
            return ()
        needed = frozenset(Mechanism) if level is Level.A1 else REQUIRED
        excused = {mechanism for mechanism in ACCEPTABLE if mechanism in accepted}
        return tuple(
            mechanism
            for mechanism in Mechanism
            if mechanism in needed - excused and self.states.get(mechanism) is not State.ENFORCED
        )

    def levels(self, accepted: Collection[str]) -> frozenset[Level]:
        """The levels that a process like this may serve."""
        return frozenset(level for level in Level if not self.lacking(level, accepted))
