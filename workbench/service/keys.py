"""The API key: shown once, kept as a hash, compared in constant time."""

import hashlib
import hmac
import secrets
from pathlib import Path

from workbench import workspace
from workbench.errors import DataError


def path() -> Path:
    """Where the hash is kept: `models/.service-key` of the workspace."""
    return workspace.root() / "models" / ".service-key"


def create() -> str:
    """Make a key, keep its hash, and return it: nobody can read it again."""
    key = secrets.token_urlsafe(32)
    path().parent.mkdir(parents=True, exist_ok=True)
    workspace.write(path(), hashed(key))
    path().chmod(0o600)
    return key


def known() -> str:
    """The hash that is kept, "" if none was made; DataError where it is no hash."""
    try:
        found = path().read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path()} cannot be read: {error}") from error
    if len(found) != 64:
        raise DataError(f"{path()} must hold one hash; make a new key: workbench serve --new-key")
    return found


def hashed(key: str) -> str:
    """SHA-256 in hexadecimal digits; a random key of 256 bits needs no salt and no stretching."""
    return hashlib.sha256(key.encode()).hexdigest()


def matches(key: str, digest: str) -> bool:
    """Whether this is the key, in a time that does not depend on where it differs."""
    return hmac.compare_digest(hashed(key), digest)
