"""What secrets look like that were not made here. Pure, and without any library."""

from __future__ import annotations

import base64
import binascii

PREVIOUS = "previous_"
"""Before the name of a secret: what it was until another value was taken over."""

FORMER = "_former"
"""Behind a name: the value that is still accepted beside the new one, while a rotation is under way."""

DATABASE_LOGIN = "database_login"
"""Role that LangFlow logs in to the database with; each rotation takes the next one."""


def is_fernet_key(value: str) -> bool:
    """Tell whether LangFlow can use the text as its secret key: 32 bytes in URL-safe base64.

    LangFlow generates its own without the padding and adds it where Fernet wants it
    (langflow/services/auth/utils.py, `ensure_fernet_key`); shorter keys, which it stretches, are refused.
    """
    padded = value + "=" * (-len(value) % 4)
    try:
        return len(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
