"""The posture page: the supervisor holds the key, builds the statement when it is asked for, and signs it."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from lethe.config.settings import Settings
from lethe.credentials.static import Unresolved, text_of
from lethe.sandbox.generation import Generation

if TYPE_CHECKING:  # `lethe.evidence` brings OpenSSL: imported when something is signed
    from lethe.evidence.signing import Signer
    from lethe.evidence.verification import Verification

AGAIN = 1.0  # seconds for which one statement serves


class PostureFault(Exception):
    """The configured key is none. One clear line: reference and reason, nothing of the key."""


class _Made(Struct, frozen=True):
    """A signed page: of which generation, and when."""

    generation: int
    at: float
    page: bytes


class PostureDesk:
    """Keys by generation: a reload may bring another. Without one a key is made that ends with the process.

    `failed` is told once of a generation why no statement can be made.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        failed: Callable[[BaseException], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._environ = environ
        self._failed = failed
        self._unstated = 0  # the last generation of which that was told
        self._clock = clock
        self._salt = random(16)
        self._signers: dict[int, Signer] = {}
        self.variables: frozenset[str] = frozenset()  # of the environment, which hold keys that nobody else needs
        self._ephemeral: Signer | None = None
        self._made = _Made(0, 0.0, b"")

    def prepare(self, number: int, settings: Settings) -> None:
        """Get the key of a generation to come. Raises PostureFault."""
        reference = settings.posture_key
        if reference is None:
            return
        from lethe.evidence.signing import KeyRefused, Signer

        scheme, _, name = reference.partition(":")
        if scheme == "env":
            self.variables |= {name}
        try:
            self._signers[number] = Signer.from_secret(text_of(reference, self._environ))
        except Unresolved as error:
            raise PostureFault(f"a posture key cannot be had ({reference}: {error.reason})") from None
        except KeyRefused as error:
            raise PostureFault(f"a posture key cannot be used ({reference}: {error})") from None

    def forget(self, number: int) -> None:
        """A generation has ended."""
        self._signers.pop(number, None)

    def page(self, generation: Generation) -> bytes:
        """The signed statement of a generation, at most a second old. Empty if none can be made.

        Anybody may ask, so whatever goes wrong here must not end the process.
        """
        now = self._clock()
        made = self._made
        if made.generation != generation.number or not 0.0 <= now - made.at < AGAIN:
            try:
                page = self._sign(generation, now)
            except Exception as error:  # noqa: BLE001 - see above
                page = b""
                if self._unstated != generation.number:
                    self._unstated = generation.number
                    self._failed(error)
            made = self._made = _Made(generation.number, now, page)
        return made.page

    def _sign(self, generation: Generation, now: float) -> bytes:
        from lethe.evidence.posture import Running, document, posture
        from lethe.evidence.signing import PayloadType

        signer = self._signer(generation.number)
        running = Running(
            salt=self._salt,
            now=now,
            enforcement=generation.enforcement,
            findings=generation.findings,
            verification=last_verification(generation.settings, signer.public_key),
        )
        statement = posture(generation.settings, running)
        return msgspec.json.encode(signer.sign(document(statement), PayloadType.POSTURE))

    def _signer(self, number: int) -> "Signer":
        from lethe.evidence.signing import Signer

        if number in self._signers:
            return self._signers[number]
        if self._ephemeral is None:
            self._ephemeral = Signer.ephemeral()
        return self._ephemeral


def last_verification(settings: Settings, trusted: bytes | None) -> "Verification | None":
    """What the configured report says; None without one, or while it cannot be read."""
    from lethe.evidence.posture import configuration_digest
    from lethe.evidence.verification import LARGEST, summarised

    if settings.verification is None:
        return None
    path = Path(settings.verification)
    try:  # of a folder that is closed to us nothing can be said, not even whether it is there
        if not path.is_file():  # a pipe would make the supervisor wait
            return None
        with path.open("rb") as file:
            report = file.read(LARGEST + 1)
    except OSError:
        return None
    if len(report) > LARGEST:
        return None
    return summarised(report, trusted, lambda salt: configuration_digest(settings, salt))
