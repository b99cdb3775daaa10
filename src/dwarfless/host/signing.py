"""Sign a module, so that a kernel that wants signatures loads it.

In:  a module, a private key, its certificate.
Out: the module with the signature behind it.

Source: scripts/sign-file.c and include/linux/module_signature.h of Linux 6.12.
"""

import os
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from dwarfless.errors import DwarflessError

__all__ = ["MARKER", "is_signed", "sign"]

#: Ends every signed module.
MARKER: Final = b"~Module signature appended~\n"
#: Algorithm, hash and identifier type (2: PKCS#7); sizes of signer and key id; the signature's.
TRAILER: Final = ">BBBBB3xI"
PKCS7: Final = 2
HASH: Final = "sha256"


def is_signed(module: bytes) -> bool:
    """Return whether a signature is there; by whom, and whether it fits, only a kernel tells."""
    return module.endswith(MARKER)


def sign(module: bytes, key: str | os.PathLike[str], certificate: str | os.PathLike[str]) -> bytes:
    """Return a signed module; a signature that is there already is replaced.

    Args:
        module: Not compressed.
        key: PEM file of the private key; openssl asks for its passphrase if it has one.
        certificate: X.509 certificate, PEM or DER, that the kernel or MOK trusts.

    Raises:
        DwarflessError: openssl is not there, or refuses.
    """
    if is_signed(module):
        size = struct.unpack_from(TRAILER, module, len(module) - len(MARKER) - 12)[-1]
        module = module[: -len(MARKER) - 12 - size]
    with tempfile.TemporaryDirectory() as folder:
        content, pem = Path(folder, "module"), Path(folder, "certificate")
        content.write_bytes(module)
        given = Path(certificate).read_bytes()
        if b"-----BEGIN" in given:
            pem.write_bytes(given)
        else:
            _openssl("x509", "-inform", "DER", "-in", certificate, "-out", pem)
        options = ["-binary", "-noattr", "-nocerts", "-nosmimecap", "-outform", "DER"]
        options += ["-md", HASH, "-signer", os.fspath(pem), "-inkey", os.fspath(key)]
        signature = _openssl("cms", "-sign", *options, "-in", content)
    trailer = struct.pack(TRAILER, 0, 0, PKCS7, 0, 0, len(signature))
    return module + signature + trailer + MARKER


def _openssl(*arguments: str | os.PathLike[str]) -> bytes:
    """Run openssl; return what it prints."""
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise DwarflessError("openssl is not installed: it is needed to sign modules") from None
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip().splitlines()
        raise DwarflessError(f"openssl does not sign: {complaint[-1] if complaint else '?'}")
    return done.stdout
