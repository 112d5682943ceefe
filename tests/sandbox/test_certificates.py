"""A file of certificates that is none starts nothing, and one line says which."""

import os
from datetime import date
from pathlib import Path

import pytest
import trustme
from tests.sandbox.conftest import Start

from lethe.config.load import parse_settings
from lethe.config.settings import Settings
from lethe.sandbox.certificates import CertificateFault, try_files

TLS = '[upstreams.ollama]\n[server]\ntls_cert = "{file}"\ntls_key = "{key}"\n'
UPSTREAM = '[upstreams.ollama]\nca_file = "{file}"\n'
STORE = '[upstreams.ollama]\n[limits]\nstore = "rediss://h"\nstore_ca_file = "{file}"\n'


def settings(text: str) -> Settings:
    return parse_settings(text, "lethe.toml", embedded_available=False, today=date(2026, 11, 30))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates, and what is none."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for name in ("own", "other"):
        made = authority.issue_cert("localhost")
        made.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.pem"))
        made.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
    (tmp_path / "text.pem").write_text("CANARY is no certificate\n")
    os.mkfifo(tmp_path / "pipe.pem")
    return tmp_path


@pytest.mark.parametrize("text", [TLS.replace("{key}", "own.key"), UPSTREAM, STORE], ids=["tls", "upstream", "store"])
def test_files_that_do(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    try_files(settings(text.format(file="own.pem")))


BAD = [
    (TLS, "no.pem", "server.tls_cert: no.pem: No such file or directory"),
    (TLS, "pipe.pem", "server.tls_cert: pipe.pem: not a file"),
    (TLS, "text.pem", "server.tls_cert, server.tls_key: text.pem, own.key: no certificate in PEM and its key"),
    (TLS, "other.pem", "server.tls_cert, server.tls_key: other.pem, own.key: no certificate in PEM and its key"),
    (TLS.replace("{key}", "no.key"), "own.pem", "server.tls_key: no.key: No such file or directory"),
    (UPSTREAM, "no.pem", "upstreams.ollama.ca_file: no.pem: No such file or directory"),
    (UPSTREAM, "text.pem", "upstreams.ollama.ca_file: text.pem: no certificates in PEM"),
    (UPSTREAM, "", "upstreams.ollama.ca_file: : not a file"),
    (UPSTREAM, "\\u0000", "upstreams.ollama.ca_file: \0: not a file"),
    (STORE, "text.pem", "limits.store_ca_file: text.pem: no certificates in PEM"),
    (STORE, "pipe.pem", "limits.store_ca_file: pipe.pem: not a file"),
]


@pytest.mark.parametrize(("text", "file", "said"), BAD)
def test_files_that_do_not(folder: Path, text: str, file: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(CertificateFault) as raised:
        try_files(settings(text.format(file=file, key="own.key")))
    assert str(raised.value).startswith(said)
    assert "CANARY" not in str(raised.value)


def test_nothing_starts_with_one(start: Start) -> None:
    lethe = start(UPSTREAM.format(file="/nowhere"))
    assert lethe.exit_code() == 1
    assert lethe.stderr == ["lethe: cannot start: upstreams.ollama.ca_file: /nowhere: No such file or directory"]
