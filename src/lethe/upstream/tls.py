"""TLS towards upstreams: certificates are always verified."""

import ssl
import sys


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """To be made once and shared. `ca_file` (PEM) takes the place of the system's authorities.

    Raises OSError when the file cannot be read, ssl.SSLError when it holds no certificate.
    """
    # As `ssl.create_default_context`, which would besides write the keys of all sessions to what SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # nobody needs it, and a write would have to wait for it
    context.set_alpn_protocols(["http/1.1"])
    return context
