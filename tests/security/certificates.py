"""Certificates for the servers and clients of tests: good ones, and each kind that must be refused."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

ADDRESS = "127.0.0.1"
"""The only name in the servers' certificates: whoever connects to ``localhost`` meets somebody else's."""


@dataclass(frozen=True, slots=True)
class Pair:
    """PEM files: a certificate with its chain, its key, and both in one as Kafka takes them."""

    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """``ca`` vouches for all of them; ``other_ca`` for none."""

    ca: Path
    other_ca: Path
    server: Pair
    expired: Pair
    client: Pair


def make_certificates(folder: Path) -> Certificates:
    """Make them in the folder, which is there."""
    ca, other = trustme.CA(), trustme.CA()
    for authority, name in ((ca, "ca"), (other, "other-ca")):
        authority.cert_pem.write_to_path(folder / f"{name}.pem")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return Certificates(
        folder / "ca.pem",
        folder / "other-ca.pem",
        _write(ca.issue_cert(ADDRESS), folder / "server"),
        _write(ca.issue_cert(ADDRESS, not_before=yesterday - timedelta(days=9), not_after=yesterday), folder / "old"),
        _write(ca.issue_cert("worker.example", common_name="worker"), folder / "client"),
    )


def _write(certificate: trustme.LeafCert, place: Path) -> Pair:
    pair = Pair(place.with_suffix(".pem"), place.with_suffix(".key"), place.with_suffix(".both"))
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,  # the only one that Java reads
        serialization.NoEncryption(),
    )
    for path, content in ((pair.certificate, chain), (pair.key, key), (pair.both, key + chain)):
        path.write_bytes(content)
    return pair
