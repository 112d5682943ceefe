"""Signatures: who signed, over what, and that no change goes unseen."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from lethe.evidence.canonical import Uncanonical, canonical, parsed
from lethe.evidence.signing import (
    KeyRefused,
    PayloadType,
    Signer,
    Verdict,
    key_id,
    pre_authentication,
    public_key,
    verify,
)

POSTURE, VERIFICATION = PayloadType.POSTURE, PayloadType.VERIFICATION
# RFC 8032, 7.1, test 1
SEED = base64.b64encode(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")).decode()
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
DOCUMENT = {"schema": "x/1", "level": "B", "list": [1, 2], "none": None}
SIGNER = Signer.from_secret(SEED)
SIGNED = SIGNER.sign(DOCUMENT, POSTURE)


def copy(signed: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(signed))
    return made


def test_a_seed_is_the_key_that_the_standard_says() -> None:
    assert SIGNER.public_key == PUBLIC
    assert SIGNER.key_id == key_id(PUBLIC) == "21fe31dfa154a261"
    assert not SIGNER.ephemeral_key


def test_a_document_stays_readable_and_names_its_signer() -> None:
    assert {name: SIGNED[name] for name in DOCUMENT} == DOCUMENT
    assert SIGNED["signer"] == {
        "key_id": SIGNER.key_id,
        "public_key": base64.b64encode(PUBLIC).decode(),
        "ephemeral": False,
    }


def test_any_dsse_verifier_can_check_it() -> None:
    """Done here by hand, from the specification: PAE over type and payload, then Ed25519."""
    signed = copy(SIGNED)
    value = base64.b64decode(signed.pop("signature")["value"])
    payload = json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()
    kind = b"application/vnd.lethe.posture+json"
    pae = b"DSSEv1 34 " + kind + b" " + str(len(payload)).encode() + b" " + payload
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(value, pae)
    assert pre_authentication(POSTURE, payload) == pae
    assert canonical(signed) == payload


def test_verdicts() -> None:
    other = Signer.ephemeral()
    assert verify(SIGNED, POSTURE, PUBLIC) is Verdict.TRUSTED
    assert verify(SIGNED, POSTURE, None) is Verdict.UNTRUSTED
    assert verify(SIGNED, POSTURE, other.public_key) is Verdict.UNTRUSTED
    assert verify(SIGNED, VERIFICATION, PUBLIC) is Verdict.BAD
    assert verify(copy(SIGNED), POSTURE, PUBLIC) is Verdict.TRUSTED


def leave_out(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(signed: dict[str, Any]) -> None:
        for name in path[:-1]:
            signed = signed[name]
        del signed[path[-1]]

    return change


def put(value: Any, *path: str) -> Callable[[dict[str, Any]], None]:
    def change(signed: dict[str, Any]) -> None:
        for name in path[:-1]:
            signed = signed[name]
        signed[path[-1]] = value

    return change


STRANGER = Signer.ephemeral().sign(DOCUMENT, POSTURE)
CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another level": put("A1", "level"),
    "a further member": put(1, "more"),
    "one less": leave_out("none"),
    "a number as a fraction": put([1.0, 2.0], "list"),
    "ephemeral": put(True, "signer", "ephemeral"),
    "another key, its signature kept": put(STRANGER["signer"], "signer"),
    "another signature": put(STRANGER["signature"], "signature"),
    "another type": put(VERIFICATION.value, "signature", "payload_type"),
    "another algorithm": put("none", "signature", "algorithm"),
    "another id": put("0" * 16, "signature", "key_id"),
    "no signature": leave_out("signature"),
    "no signer": leave_out("signer"),
    "no value": leave_out("signature", "value"),
    "an empty value": put("", "signature", "value"),
    "a value that is no text": put(7, "signature", "value"),
    "a value that is no base64": put("!" * 88, "signature", "value"),
    "a value of zeros": put(base64.b64encode(bytes(64)).decode(), "signature", "value"),
    "a key of zeros": put(base64.b64encode(bytes(32)).decode(), "signer", "public_key"),
    "a short key": put(base64.b64encode(bytes(31)).decode(), "signer", "public_key"),
    "a space after the value": put(SIGNED["signature"]["value"] + " ", "signature", "value"),  # type: ignore[index,call-overload,operator]
    "a further member of the signature": put("x", "signature", "more"),
    "signer is no table": put("x", "signer"),
    "signature is no table": put(["x"], "signature"),
    "half a surrogate pair": put("\ud800", "level"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_no_change_goes_unseen(change: Callable[[dict[str, Any]], None]) -> None:
    signed = copy(SIGNED)
    change(signed)
    assert verify(signed, POSTURE, PUBLIC) is Verdict.BAD
    assert verify(signed, POSTURE, None) is Verdict.BAD


def test_no_other_byte_is_as_good() -> None:
    """Base64 has bits that mean nothing, and a document that is sent has no spaces that do."""
    sent = json.dumps(SIGNED, separators=(",", ":")).encode()
    assert verify(parsed(sent), POSTURE, PUBLIC) is Verdict.TRUSTED
    for place in range(len(sent)):
        for bit in range(8):
            changed = sent[:place] + bytes([sent[place] ^ 1 << bit]) + sent[place + 1 :]
            try:
                assert verify(parsed(changed), POSTURE, PUBLIC) is Verdict.BAD, changed
            except Uncanonical:
                continue


def test_an_ephemeral_key_says_so_and_is_new_each_time() -> None:
    one, two = Signer.ephemeral(), Signer.ephemeral()
    assert one.public_key != two.public_key
    signed = copy(one.sign(DOCUMENT, POSTURE))
    assert signed["signer"]["ephemeral"] is True
    assert verify(signed, POSTURE, one.public_key) is Verdict.TRUSTED


def test_what_has_no_one_form_is_not_signed() -> None:
    half: Any = 0.5
    with pytest.raises(Uncanonical):
        SIGNER.sign({"a": half}, POSTURE)


def test_keys_come_back_from_their_texts() -> None:
    signer = Signer.ephemeral()
    for text in (signer.pem(), signer.pem().replace("\n", "\r\n"), f"\n{signer.pem()}\n\n"):
        assert Signer.from_secret(text).public_key == signer.public_key
        assert not Signer.from_secret(text).ephemeral_key
    for text in (signer.public_pem(), base64.b64encode(signer.public_key).decode() + "\n"):
        assert public_key(text) == signer.public_key


def pem(key: Any, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return text.decode()


ED, EC = Ed25519PrivateKey.generate(), generate_private_key(SECP256R1())
PUBLIC_EC = EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PRIVATE: dict[str, tuple[str, str]] = {
    "encrypted": (pem(ED, b"word"), "it is encrypted: a key without a passphrase is wanted"),
    "another kind": (pem(EC), "it is not an Ed25519 key"),
    "public": (SIGNER.public_pem(), "it is not a PEM private key that can be read"),
    "cut short": (SIGNER.pem()[:60], "it is not a PEM private key that can be read"),
    "a short seed": (base64.b64encode(b"x" * 31).decode(), "neither PEM nor the base64 of a 32-byte seed"),
    "not base64": ("secret words", "neither PEM nor the base64 of a 32-byte seed"),
    "beyond ASCII": ("gehe\u00edm", "neither PEM nor the base64 of a 32-byte seed"),
    "empty": ("", "neither PEM nor the base64 of a 32-byte seed"),
}
PUBLICS: dict[str, tuple[str, str]] = {
    "private": (SIGNER.pem(), "it is not a PEM public key that can be read"),
    "another kind": (PUBLIC_EC, "it is not an Ed25519 key"),
    "not base64": ("secret words", "neither PEM nor the base64 of a 32-byte public key"),
}


@pytest.mark.parametrize(("text", "why"), PRIVATE.values(), ids=PRIVATE)
def test_what_is_no_private_key_is_refused_without_quoting_it(text: str, why: str) -> None:
    with pytest.raises(KeyRefused) as raised:
        Signer.from_secret(text)
    assert str(raised.value) == why


@pytest.mark.parametrize(("text", "why"), PUBLICS.values(), ids=PUBLICS)
def test_what_is_no_public_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(KeyRefused) as raised:
        public_key(text)
    assert str(raised.value) == why


def test_a_signer_shows_nothing_of_its_key() -> None:
    assert SEED not in repr(SIGNER)
    assert SEED not in repr(vars(SIGNER))


@pytest.mark.parametrize("module", ["sandbox.supervisor", "sandbox.worker", "server.serving", "sandbox.broker"])
def test_cryptography_is_not_imported_before_something_is_signed(module: str) -> None:
    code = f"import lethe.{module}, sys; sys.exit(bool({{'cryptography', 'lethe.evidence'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=20).returncode == 0
