"""The certificate of a server that speaks TLS: made once, renewed before it expires."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lagoa.stack.servers.server import write_private

if TYPE_CHECKING:
    from pathlib import Path

_VALID = timedelta(days=825)
"""The longest that some clients accept."""

_RENEWED = timedelta(days=30)


def make_certificate(authority: Path, server: Path, host: str) -> None:
    """Write a server's key and certificate, and that of the authority that signed it, unless they are there.

    The authority's key is not kept: what trusts the authority trusts this server alone. Both are made again when less
    than 30 days are left; clients then need the new authority.

    Args:
        authority: file of its certificate, for clients.
        server: file of the server's key and certificate.
        host: a name of the server, beside `localhost` and 127.0.0.1.
    """
    now = datetime.now(UTC)
    if authority.exists() and server.exists():
        kept = x509.load_pem_x509_certificate(authority.read_bytes())
        if kept.not_valid_after_utc > now + _RENEWED:
            return
    key, authority_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    names = [x509.DNSName("localhost"), x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    issuer = _named("Lagoa stack")
    known = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority_certificate = (
        _builder(issuer, issuer, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(known, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _builder(_named(host), issuer, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(server, (secret + certificate.public_bytes(Encoding.PEM)).decode())
    write_private(authority, authority_certificate.public_bytes(Encoding.PEM).decode())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + _VALID)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
