"""Files of certificates that workers will read, tried before: a worker can tell no more than a class and a place."""

import stat
from pathlib import Path

from lethe.config.settings import Settings


class CertificateFault(Exception):
    """A file that is named does not hold what it should. One clear line: setting, file, reason; nothing of the file."""


def try_files(settings: Settings) -> None:
    """Raises CertificateFault."""
    plan = settings.plan
    authorities = {f"upstreams.{upstream.name}.ca_file": upstream.ca_file for upstream in plan.upstreams}
    if plan.limit_store is not None:
        authorities["limits.store_ca_file"] = plan.limit_store.ca_file
    named = {setting: file for setting, file in authorities.items() if file is not None}
    if not named and plan.tls_cert is None:
        return
    import ssl  # nothing else in this process needs it

    if plan.tls_cert is not None and plan.tls_key is not None:
        _look("server.tls_cert", plan.tls_cert)
        _look("server.tls_key", plan.tls_key)
        try:
            # Without a password OpenSSL would ask for one, at the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(plan.tls_cert, plan.tls_key, password=lambda: "")
        except ssl.SSLError:
            files = f"server.tls_cert, server.tls_key: {plan.tls_cert}, {plan.tls_key}"
            raise CertificateFault(f"{files}: no certificate in PEM and its key, without a password") from None
    for setting, file in named.items():
        _look(setting, file)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
        except ssl.SSLError:
            raise CertificateFault(f"{setting}: {file}: no certificates in PEM") from None


def _look(setting: str, file: str) -> None:
    """A pipe would hold us up, and each worker reads it anew."""
    reason = "not a file"
    try:
        if stat.S_ISREG(Path(file).stat().st_mode):
            Path(file).open("rb").close()
            return
    except OSError as error:
        reason = error.strerror or reason
    except ValueError:  # no system has files of such a name
        pass
    raise CertificateFault(f"{setting}: {file}: {reason}")
