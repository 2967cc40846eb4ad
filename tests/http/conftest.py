"""What the tests of the client share: a certificate."""

from __future__ import annotations

import subprocess

import pytest

from jobsync.local.tls import Certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One that vouches for itself as 127.0.0.1 and as api.test."""
    folder = tmp_path_factory.mktemp("tls")
    chain, key = folder / "c.pem", folder / "k.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(chain), "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:api.test"),
        ],
        check=True,
        capture_output=True,
    )
    return Certificate(chain, key)
