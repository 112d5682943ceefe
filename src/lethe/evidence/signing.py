"""Signed statements: Ed25519 over canonical JSON in DSSE's encoding, kept in the document itself.

A signed document is the document with two more members: `signer`, which says whose key it is and is signed with the
rest, and `signature`, which covers everything else. What is signed is DSSE v1's pre-authentication encoding of the
payload type and the canonical JSON, so any DSSE tool can check it too. `cryptography` is imported when something is
signed or checked, and not before.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lethe.evidence.canonical import Json, Uncanonical, canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED, POINT, SIGNATURE = 32, 32, 64  # bytes
ALGORITHM = "ed25519"


class PayloadType(StrEnum):
    """What a statement is about; a signature for one is none for another."""

    POSTURE = "application/vnd.lethe.posture+json"
    VERIFICATION = "application/vnd.lethe.verification+json"


class Verdict(StrEnum):
    TRUSTED = "signed and trusted"  # by the key that the reader trusts
    UNTRUSTED = "signed, not trusted"  # whole, but by a key that the reader does not know
    BAD = "bad signature"


class KeyRefused(Exception):
    """A text that is no key of the kind wanted. One fixed line; the text is never quoted."""


class Signer:
    """Holds a private key; its repr shows none of it."""

    def __init__(self, key: "Ed25519PrivateKey", *, ephemeral: bool) -> None:
        self._key = key
        self.ephemeral_key = ephemeral
        self.public_key = key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    @classmethod
    def ephemeral(cls) -> "Signer":
        """A key that ends with this process and says so."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate(), ephemeral=True)

    @classmethod
    def from_secret(cls, text: str) -> "Signer":
        """From PEM (PKCS 8, not encrypted) or the 32-byte seed in base64. Raises KeyRefused."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if "-----BEGIN" not in text:
            seed = _raw(text.strip(), SEED, "neither PEM nor the base64 of a 32-byte seed")
            return cls(Ed25519PrivateKey.from_private_bytes(seed), ephemeral=False)
        try:
            key = load_pem_private_key(text.strip().encode(), None)
        except TypeError:
            raise KeyRefused("it is encrypted: a key without a passphrase is wanted") from None
        except Exception:  # noqa: BLE001 - whatever the parser dislikes; its message may quote the text
            raise KeyRefused("it is not a PEM private key that can be read") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyRefused("it is not an Ed25519 key")
        return cls(key, ephemeral=False)

    def sign(self, document: Mapping[str, Json], kind: PayloadType) -> dict[str, Json]:
        """The document with `signer` and `signature`. Raises Uncanonical, for fractions among others."""
        signer: Json = {
            "key_id": self.key_id,
            "public_key": base64.b64encode(self.public_key).decode(),
            "ephemeral": self.ephemeral_key,
        }
        signed: dict[str, Json] = {name: value for name, value in document.items() if name != "signature"}
        signed["signer"] = signer
        value = self._key.sign(pre_authentication(kind, canonical(signed)))
        signed["signature"] = {
            "algorithm": ALGORITHM,
            "payload_type": kind.value,
            "key_id": self.key_id,
            "value": base64.b64encode(value).decode(),
        }
        return signed

    def pem(self) -> str:
        """The private key, as `from_secret` takes it."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def public_pem(self) -> str:
        """The public key, as `public_key` takes it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def verify(signed: Mapping[str, Any], kind: PayloadType, trusted: bytes | None) -> Verdict:
    """Is it whole, and signed by the key that the reader trusts (raw public key)? Age and content are not looked at."""
    try:
        stated = _raw(signed["signer"]["public_key"], POINT, "")
        signature = signed["signature"]
        value = _raw(signature["value"], SIGNATURE, "")
        rest = {name: each for name, each in signature.items() if name != "value"}
        payload = canonical({name: each for name, each in signed.items() if name != "signature"})
        named = signed["signer"]["key_id"]
    except (KeyError, TypeError, AttributeError, KeyRefused, Uncanonical):
        return Verdict.BAD
    if named != key_id(stated) or rest != {"algorithm": ALGORITHM, "payload_type": kind.value, "key_id": named}:
        return Verdict.BAD
    if not _holds(stated, value, pre_authentication(kind, payload)):
        return Verdict.BAD
    return Verdict.TRUSTED if trusted == stated else Verdict.UNTRUSTED


def public_key(text: str) -> bytes:
    """The raw public key from PEM or base64. Raises KeyRefused."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if "-----BEGIN" not in text:
        return _raw(text.strip(), POINT, "neither PEM nor the base64 of a 32-byte public key")
    try:
        key = load_pem_public_key(text.strip().encode())
    except Exception:  # noqa: BLE001 - whatever the parser dislikes; its message may quote the text
        raise KeyRefused("it is not a PEM public key that can be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused("it is not an Ed25519 key")
    return key.public_bytes_raw()


def key_id(public: bytes) -> str:
    """16 hexadecimal digits that name a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def pre_authentication(kind: PayloadType, payload: bytes) -> bytes:
    """DSSE v1 PAE (secure-systems-lab/dsse, protocol.md)."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.value), kind.value.encode(), len(payload), payload)


def _holds(public: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _raw(text: str, size: int, otherwise: str) -> bytes:
    """Base64 of exactly `size` bytes, in the one form that its encoder writes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error, TypeError):
        raise KeyRefused(otherwise) from None
    if len(raw) != size or base64.b64encode(raw).decode() != text:
        raise KeyRefused(otherwise)
    return raw
