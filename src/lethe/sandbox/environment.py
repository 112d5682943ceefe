"""What a child process sees of the environment: a few names, rebuilt, so that secrets stay with the broker."""

from collections.abc import Mapping

KEPT: tuple[str, ...] = ("LANG", "LANGUAGE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
KEPT_PREFIX = "LC_"
SCRUB_ON_FREE: Mapping[str, str] = {
    "PYTHONMALLOC": "malloc",  # pymalloc would keep freed content in its arenas
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",  # overwrite what is freed, at once
}


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """Language, time zone and certificate store; nothing else."""
    return {name: value for name, value in environ.items() if name in KEPT or name.startswith(KEPT_PREFIX)}


def of_worker(environ: Mapping[str, str]) -> dict[str, str]:
    """`bare`, with memory that is overwritten when it is freed."""
    return {**bare(environ), **SCRUB_ON_FREE}
