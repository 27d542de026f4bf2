"""What the lab takes over from the machine it runs on: package mirror, extra CA certificates, proxies."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")
DISTRIBUTION_CAS = Path("/usr/share/ca-certificates/mozilla")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_LOOPBACK = re.compile(r"//([^@/]*@)?(localhost|127\.|\[::1\])")


@dataclass(frozen=True)
class Mirrors:
    """Base URIs of the Debian archive and its security archive; empty = the tool's default."""

    archive: str = ""
    security: str = ""

    def sources(self, release: str) -> list[str]:
        """Return one-line apt sources for a release; empty when the machine names no mirror."""
        if not self.archive:
            return []
        lines = [f"deb {self.archive} {release} main", f"deb {self.archive} {release}-updates main"]
        if self.security:
            lines.append(f"deb {self.security} {release}-security main")
        return lines


def _entries(text: str) -> Iterable[tuple[str, str]]:
    """Yield (uri, suite) of every binary source in a deb822 or one-line sources file."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = {}
        for line in stanza.splitlines():
            key, found, value = line.partition(":")
            if found and not line.startswith(("#", "deb")):
                fields[key.strip().lower()] = value.split()
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            for uri in fields.get("uris", []):
                for suite in fields.get("suites", []):
                    yield uri, suite
    for line in text.splitlines():
        words = re.sub(r"\[[^]]*\]", "", line).split()
        if len(words) >= 3 and words[0] == "deb":
            yield words[1], words[2]


def parse_mirrors(texts: Iterable[str]) -> Mirrors:
    """Find the Debian archive and the security archive among the sources of a Debian machine."""
    archive = security = ""
    for text in texts:
        for uri, suite in _entries(text):
            if not re.match(r"https?://", uri):
                continue
            codename = re.match(
                r"(bookworm|trixie|forky|stable|testing)(?:-([a-z-]+))?(?:/|$)", suite
            )
            if codename is None:
                continue
            if codename.group(2) == "security":
                security = security or uri
            elif codename.group(2) in (None, "updates"):
                archive = archive or uri
    return Mirrors(archive.rstrip("/"), security.rstrip("/"))


def mirrors() -> Mirrors:
    """Return the mirrors that this machine's own apt uses."""
    files = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]
    return parse_mirrors(
        file.read_text("utf-8", errors="replace")
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file()
    )


def _certificates(text: str) -> dict[str, str]:
    """Return the certificates of a PEM bundle by the SHA-256 of their DER form."""
    found = {}
    for pem in _PEM.findall(text):
        found[hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()] = f"{pem}\n"
    return found


def extra_certificates(bundle: str, distribution: Iterable[str]) -> list[str]:
    """Return the PEM certificates of a bundle that the distribution does not ship."""
    shipped: set[str] = set()
    for text in distribution:
        shipped |= _certificates(text).keys()
    return [pem for digest, pem in _certificates(bundle).items() if digest not in shipped]


def extra_cas() -> list[str]:
    """Return the CA certificates that this machine trusts on top of Debian's (SSL_CERT_FILE)."""
    bundle = Path(os.environ.get("SSL_CERT_FILE", ""))
    if not bundle.is_file() or not DISTRIBUTION_CAS.is_dir():
        return []
    shipped = (file.read_text("utf-8") for file in DISTRIBUTION_CAS.glob("*.crt"))
    return extra_certificates(bundle.read_text("utf-8", errors="replace"), shipped)


def proxy(environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return (proxy URL, hosts that go direct); a proxy on this machine's loopback is no use to a node."""
    url = next(
        (
            environment[key]
            for key in ("https_proxy", "HTTPS_PROXY", "http_proxy")
            if environment.get(key)
        ),
        "",
    )
    if not url or _LOOPBACK.search(url):
        return "", []
    direct = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return url, [host for host in direct.replace(" ", ",").split(",") if host]


def nameservers(text: str) -> list[str]:
    """Return the name servers of a resolv.conf; one on this machine's loopback is no use to a node."""
    found = re.findall(r"^nameserver\s+(\S+)", text, re.MULTILINE)
    return [address for address in found if not address.startswith(("127.", "::1"))]
