"""What a child process sees of the environment: a few names, rebuilt, so that secrets stay with the broker."""

import os
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

KEPT: tuple[str, ...] = ("LANG", "LANGUAGE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
KEPT_PREFIX = "LC_"
SCRUB_ON_FREE: Mapping[str, str] = {
    "PYTHONMALLOC": "malloc",  # pymalloc would keep freed content in its arenas
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",  # overwrite what is freed, at once
}
# libuv would open rings, which seccomp refuses and no filter can look into.
NO_IO_URING: Mapping[str, str] = {"UV_USE_IO_URING": "0"}
PRELOADS: tuple[str, ...] = ("LD_PRELOAD", "LD_AUDIT")  # foreign code in this very process
# What libraries, interpreters and the C library take orders from; to name what was kept away, not to keep it away.
ACTING: tuple[str, ...] = (
    "*_LOG", "*_PROXY", "*_proxy", "ADK_*", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL*", "CURL_CA_BUNDLE", "DD_*",
    "GCONV_PATH", "GLIBC_TUNABLES", "HOSTALIASES", "LD_*", "LOCALDOMAIN", "MALLOC_*", "NEW_RELIC_*", "OPENSSL_*",
    "OTEL_*", "PYTHON*", "REQUESTS_CA_BUNDLE", "RES_OPTIONS", "SENTRY_*", "SSLKEYLOGFILE", "UV_*",
)  # fmt: skip
_PACKAGES = ("lethe", "msgspec", "httptools", "uvloop")


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """Language, time zone and certificate store; nothing else."""
    return {name: value for name, value in environ.items() if name in KEPT or name.startswith(KEPT_PREFIX)}


def of_worker(environ: Mapping[str, str]) -> dict[str, str]:
    """`bare`, with memory that is overwritten when it is freed, and the few packages that a worker imports."""
    return {**bare(environ), **SCRUB_ON_FREE, **NO_IO_URING, "PYTHONPATH": os.pathsep.join(package_folders())}


def of_broker(environ: Mapping[str, str], withheld: Collection[str]) -> dict[str, str]:
    """All but what is withheld, with memory that is overwritten when it is freed: secrets that ended stay nowhere."""
    return {**{name: value for name, value in environ.items() if name not in withheld}, **SCRUB_ON_FREE}


def package_folders() -> tuple[str, ...]:
    """Where our own package and what it depends on are installed.

    Workers run without `site` (-S): it would run the `.pth` files and `sitecustomize` of every installed package.
    """
    specs = [find_spec(name) for name in _PACKAGES]
    folders = [str(Path(spec.origin).parent.parent) for spec in specs if spec is not None and spec.origin]
    return tuple(dict.fromkeys(folders))


def dropped(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names of what a worker does not get to see."""
    kept = bare(environ)
    return tuple(sorted(name for name in environ if name not in kept))


def acting(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that would have changed what a worker does."""
    return tuple(sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in ACTING)))


def preloaded(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Variables that have put foreign code into this process already; the supervisor must not start so."""
    return tuple(name for name in PRELOADS if environ.get(name))
