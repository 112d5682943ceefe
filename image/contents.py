"""What is in the image: Debian packages, the Python that they make, and what of them is left out."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from msgspec import Struct

PYTHON = "3.13"
USER = 65532
SITE = f"usr/local/lib/python{PYTHON}/dist-packages"  # where Debian's Python looks for what is not Debian's
COMMAND = "usr/local/bin/lethe"
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"


class Suite(Struct, frozen=True):
    """A release of Debian."""

    name: str
    version: str


SUITE = Suite("trixie", "13")
# Nothing is resolved: a test finds every library that is missing. No shell, no package manager, no perl.
PACKAGES: tuple[str, ...] = (
    "base-files",  # /etc/os-release, by which scanners know what they see
    "ca-certificates",
    "gcc-14-base",  # the copyright of libgcc
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    f"libpython{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    "libssl3t64",
    "libuuid1",
    "libzstd1",
    "netbase",
    f"python{PYTHON}-minimal",
    "zlib1g",
)
# Of the sources whose copyright files are prose, by those files.
LICENCES: Mapping[str, str] = {
    "gcc-14": "GPL-3.0-or-later WITH GCC-exception-3.1",
    f"python{PYTHON}": "PSF-2.0",
}
# fnmatch patterns (`*` crosses slashes) of paths without a leading slash, and why they are not in the image.
LEFT_OUT: Mapping[str, str] = {
    "etc/debian_version*": "base-files: os-release says it",
    "etc/default*": "settings of programs that are not here",
    "etc/dpkg*": "no package manager",
    "etc/host.conf": "the C library's default",
    "etc/issue*": "nobody logs in",
    "etc/ld.so.conf*": "the C library's default path is enough",
    "etc/motd*": "nobody logs in",
    "etc/profile.d*": "no shell",
    f"etc/python{PYTHON}*": "sitecustomize",
    "etc/update-motd.d*": "nobody logs in",
    "boot*": "no kernel",
    "usr/include*": "headers",
    "usr/lib/*/gconv*": "character sets: all is UTF-8",
    "usr/lib/*/audit*": "debugging of the loader",
    "usr/lib/*/engines-3*": "OpenSSL engines",
    "usr/lib/*/ossl-modules*": "OpenSSL's old algorithms",
    "usr/lib/*/libBrokenLocale*": "debugging of the C library",
    "usr/lib/*/libc_malloc_debug*": "debugging of the C library",
    "usr/lib/*/libmemusage*": "debugging of the C library",
    "usr/lib/*/libpcprofile*": "debugging of the C library",
    "usr/lib/*/libthread_db*": "debugging of the C library",
    "usr/lib/*/libnsl*": "NIS",
    "usr/lib/*/libnss_compat*": "NIS",
    "usr/lib/*/libnss_hesiod*": "Hesiod",
    "usr/lib/init*": "no init",
    "usr/lib/locale*": "the C library has C.UTF-8 built in",
    "usr/lib/python3/*": "no packages of Debian's own",
    f"usr/lib/python{PYTHON}/EXTERNALLY-MANAGED": "nothing is installed",
    f"usr/lib/python{PYTHON}/_pyrepl*": "no prompt",
    f"usr/lib/python{PYTHON}/curses*": "no terminal",
    f"usr/lib/python{PYTHON}/dbm*": "no database",
    f"usr/lib/python{PYTHON}/sqlite3*": "no database",
    f"usr/lib/python{PYTHON}/ensurepip*": "nothing is installed",
    f"usr/lib/python{PYTHON}/idlelib*": "no prompt",
    f"usr/lib/python{PYTHON}/pydoc*": "documentation",
    f"usr/lib/python{PYTHON}/sitecustomize.py": "Debian's crash reports",
    f"usr/lib/python{PYTHON}/test*": "tests",
    f"usr/lib/python{PYTHON}/turtle*": "no screen",
    f"usr/lib/python{PYTHON}/unittest*": "tests",
    f"usr/lib/python{PYTHON}/venv*": "nothing is installed",
    f"usr/lib/python{PYTHON}/wsgiref*": "not our server",
    f"usr/lib/python{PYTHON}/xmlrpc*": "not our protocol",
    f"usr/lib/python{PYTHON}/lib-dynload/_bz2*": "its library is not here",
    f"usr/lib/python{PYTHON}/lib-dynload/_crypt*": "its library is not here",
    f"usr/lib/python{PYTHON}/lib-dynload/_ctypes_test*": "tests",
    f"usr/lib/python{PYTHON}/lib-dynload/_curses*": "its library is not here",
    f"usr/lib/python{PYTHON}/lib-dynload/_dbm*": "its library is not here",
    f"usr/lib/python{PYTHON}/lib-dynload/_lzma*": "its library is not here",
    f"usr/lib/python{PYTHON}/lib-dynload/_sqlite3*": "its library is not here",
    f"usr/lib/python{PYTHON}/lib-dynload/_test*": "tests",
    f"usr/lib/python{PYTHON}/lib-dynload/_xx*": "tests",
    f"usr/lib/python{PYTHON}/lib-dynload/readline*": "its library is not here",
    f"usr/lib/python{PYTHON}/lib-dynload/xx*": "tests",
    f"usr/lib/python{PYTHON}/lib-dynload/_codecs_*": "character sets: all is UTF-8",
    f"{SITE}/*.pyx": "sources of what is compiled",
    f"{SITE}/*.pxd": "sources of what is compiled",
    f"{SITE}/bin*": "commands of packages",
    f"{SITE}/*.dist-info/RECORD": "nothing is uninstalled; it has a hash of where it was built",
    f"{SITE}/lethe_proxy-*/direct_url.json": "where it was built",
    "usr/sbin/*": "commands of administrators",
    "usr/share/base-files*": "templates of files that are not here",
    "usr/share/bug*": "documentation",
    "usr/share/ca-certificates*": f"all in one in /{AUTHORITIES}",
    "usr/share/doc/*.gz": "documentation",
    "usr/share/doc/*NEWS*": "documentation",
    "usr/share/doc/*README*": "documentation",
    "usr/share/doc/*TODO*": "documentation",
    "usr/share/doc/*FAQ*": "documentation",
    "usr/share/doc/*examples*": "documentation",
    "usr/share/gcc*": "debugging",
    "usr/share/info*": "documentation",
    "usr/share/lintian*": "for Debian's own checks",
    "usr/share/man*": "documentation",
    "usr/share/applications*": "no screen",
    "usr/share/binfmts*": "no other binaries",
    "usr/share/pixmaps*": "no screen",
    "usr/bin/*": "commands; Python is kept",
    "usr/src*": "sources",
    "var/lib*": "no package manager",
    "var/log*": "no logs",
}
KEPT: frozenset[str] = frozenset({f"usr/bin/python{PYTHON}"})
_SHEBANG = f"#!/usr/bin/python{PYTHON} -sP"
MADE: Mapping[str, str] = {
    "etc/passwd": f"root:x:0:0:root:/:/nonexistent\nlethe:x:{USER}:{USER}:lethe:/:/nonexistent\n",
    "etc/group": f"root:x:0:\nlethe:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    COMMAND: f"{_SHEBANG}\nimport sys\n\nfrom lethe.cli.main import main\n\nsys.exit(main())\n",
}
# OpenSSL of Debian looks there.
LINKS: Mapping[str, str] = {"usr/lib/ssl/cert.pem": f"/{AUTHORITIES}", "usr/lib/ssl/certs": "/etc/ssl/certs"}
FOLDERS: Mapping[str, int] = {"tmp": 0o1777, "proc": 0o755, "sys": 0o755, "dev": 0o755, "run": 0o755, "var/tmp": 0o1777}


def kept(path: str) -> bool:
    """Is this path of a package in the image?"""
    return path in KEPT or not any(fnmatchcase(path, pattern) for pattern in LEFT_OUT)


def configuration(version: str, commit: str, created: str) -> dict[str, object]:
    """The `config` of the image: how it starts and stops."""
    return {
        "User": f"{USER}:{USER}",
        "Env": [
            "PATH=/usr/local/bin",
            "LANG=C.UTF-8",
            "PYTHONDONTWRITEBYTECODE=1",
            f"SSL_CERT_FILE=/{AUTHORITIES}",
            "LETHE_HOST=0.0.0.0",
            "PORT=8080",
        ],
        "Entrypoint": [f"/{COMMAND}"],
        "Cmd": ["serve"],
        "ExposedPorts": {"8080/tcp": {}},
        "WorkingDir": "/",
        "StopSignal": "SIGTERM",
        "Labels": {
            "org.opencontainers.image.title": "lethe",
            "org.opencontainers.image.description": "An LLM proxy that forgets, and can prove it",
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.revision": commit,
            "org.opencontainers.image.created": created,
        },
    }
