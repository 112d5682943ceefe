"""TLS towards upstreams: certificates are always verified."""

import ssl


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """To be made once and shared. `ca_file` (PEM) takes the place of the system's authorities.

    Raises OSError when the file cannot be read, ssl.SSLError when it holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # nobody needs it, and a write would have to wait for it
    context.set_alpn_protocols(["http/1.1"])
    return context
