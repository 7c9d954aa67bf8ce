"""Verifies DSSE envelopes by securesystemslib, which knows nothing of redbutton.

A JSON line in, {"envelope": base64 of its bytes, "pem": the public key}, and a line out: "verified" and
the payload's base64, or "refused" and why.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error
from securesystemslib.signer import SSlibKey


def verify(envelope, pem):
    public = load_pem_public_key(pem.encode())
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # Signatures are looked up by the key's id: it has to be the one that everybody can compute.
    key = SSlibKey.from_crypto(
        public, keyid=hashlib.sha256(der).hexdigest(), scheme="ecdsa-sha2-nistp256"
    )
    read = Envelope.from_dict(json.loads(envelope))
    read.verify([key], 1)
    if read.payload_type != "application/vnd.in-toto+json":
        raise ValueError(f"the payload is {read.payload_type}")
    return read.payload


for line in sys.stdin:
    case = json.loads(line)
    try:
        payload = verify(base64.b64decode(case["envelope"]), case["pem"])
        print("verified", base64.b64encode(payload).decode())
    # What is no envelope at all is a ValueError, a KeyError or a TypeError.
    except (Error, ValueError, KeyError, TypeError) as error:
        print("refused", repr(error))
