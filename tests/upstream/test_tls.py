"""What the TLS context insists on; that it does so on the wire is in test_dial."""

import ssl
from pathlib import Path

import pytest
import trustme

from lethe.upstream.tls import client_context


def test_certificates_and_names_are_always_verified() -> None:
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_own_authorities_take_the_place_of_the_systems(tmp_path: Path) -> None:
    authority = trustme.CA(organization_name="ours")
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    assert len(client_context(str(path)).get_ca_certs()) == 1


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client_context(str(tmp_path / "none.pem"))
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(ssl.SSLError):
        client_context(str(empty))


def test_no_session_keys_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker has the whole environment, and speaks TLS with admin keys."""
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    assert not client_context().keylog_filename
    assert not log.exists()


def test_it_is_what_the_library_recommends() -> None:
    ours, usual = client_context(), ssl.create_default_context()
    assert ours.verify_flags == usual.verify_flags
    assert ours.options & usual.options == usual.options
    assert len(ours.get_ca_certs()) == len(usual.get_ca_certs())
