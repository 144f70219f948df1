"""A bucket in an S3 store (Amazon's, or MinIO and its like in the house) as destination.

An object is there whole or not at all, by S3's own promise; large ones go in parts. Each carries the digest of what was
sent, by which it is known again. The library is an extra (`stellwerk[s3]`): without it, everything waits and says so.
"""

import hashlib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.destinations.credentials import Secrets
from engine.destinations.exchange import PATIENT, Patience, Unreachable
from engine.destinations.turns import turn
from engine.destinations.usual import connections, one_by_one, retrying
from engine.entry import Entry
from engine.errors import Later, Never
from engine.header import Header
from engine.layout import safe
from engine.outbox import Outbox
from engine.parameters import Bucket, SecretName, Text, WebAddress
from engine.program import Destination
from engine.pump import LOOK_AGAIN, Report, oldest_first

if TYPE_CHECKING:
    import minio

PART = 16 << 20
"""Bytes in one request; a larger object goes in several."""

DIGEST = "stellwerk-sha256"
AMAZON = WebAddress(True, "s3.amazonaws.com", 443, "/")

LOG_IN = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed"})
ABOUT_THE_IMAGE = {"EntityTooLarge": "it is too large for it", "KeyTooLongError": "its name is too long"}


class S3:
    """One declared `s3` destination, as engine.pump.Sender."""

    def __init__(
        self,
        declared: Destination,
        secrets: Secrets,
        context: Callable[[], ssl.SSLContext],
        patience: Patience = PATIENT,
    ) -> None:
        arguments = declared.arguments
        self.name = declared.name
        self.outside = declared.outside
        self.look_again = LOOK_AGAIN
        self.connections = connections(declared)
        self.every, self.patience = retrying(declared)
        self._bucket = Bucket.of(arguments["address"])
        self._endpoint = WebAddress.of(arguments["endpoint"]) if "endpoint" in arguments else AMAZON
        self._region = Text.of(arguments["region"]).text if "region" in arguments else None
        self._login = SecretName.of(arguments["login"]).name
        self._secrets, self._context, self._wait = secrets, context, patience
        self._who = f"{self._endpoint.host}:{self._endpoint.port}"

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """One after the other. A store that is away is not asked for each of them."""
        try:
            store = self._store()
        except Later as later:
            report(entries[0], later)
            return
        one_by_one(entries, lambda entry: self._put(store, entry), report, stopping, self.name)

    def reach(self) -> str:
        """Whether the bucket is there for us; in words. Raises Later or Never."""
        store = self._store()
        with self._said():
            if not store.bucket_exists(self._bucket.name):
                raise Later(f"{self._who} has no bucket {self._bucket.name}; make it first")
        return f"{self._who} has the bucket {self._bucket.name} for us"

    def _put(self, store: "minio.Minio", entry: Entry) -> None:
        """Raises Later, Never."""
        name, digest = _facts(entry)
        key, number = self._key(f"{name}.dcm"), 1
        with turn(f"{self._who} {self._bucket.name}", self._key(name)), self._said():
            while (there := _digest_of(store, self._bucket.name, key)) is not None:
                if there == digest:
                    return
                match entry.note.get("duplicate"):
                    case "keep":
                        number += 1
                        key = self._key(f"{name} ({number}).dcm")
                    case "replace":
                        break
                    case _:
                        raise Never(
                            f"{self._who} has another object with this SOP Instance UID but other content; "
                            "compare the two, then release or delete this one"
                        )
            with entry.file.open("rb") as stream:
                store.put_object(
                    self._bucket.name,
                    key,
                    stream,
                    entry.file.stat().st_size,
                    content_type="application/dicom",
                    metadata={DIGEST: digest},
                    part_size=PART,
                    num_parallel_uploads=1,
                )
            # A page of a proxy is answered with 200 as well.
            if _digest_of(store, self._bucket.name, key) != digest:
                raise Later(f"{self._who} answers, but does not have the object; is a proxy in between?")

    def _key(self, name: str) -> str:
        return f"{self._bucket.prefix}/{name}" if self._bucket.prefix else name

    def _store(self) -> "minio.Minio":
        """A client; nothing is asked yet. Raises Later."""
        try:
            import minio
            import urllib3
        except ImportError:
            raise Later("S3 needs a library that is not installed; type: pip install 'stellwerk[s3]'") from None
        login = self._secrets.login(self._login)
        try:
            context = self._context() if self._endpoint.secure else None
        except OSError as error:
            raise Later(f"TLS cannot be set up ({error.strerror or type(error).__name__})") from None
        client = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=self._wait.connect, read=self._wait.answer),
            # Once more, as it may have dropped a line that lay idle. A redirect leads nowhere.
            retries=urllib3.Retry(1, connect=0, read=1, redirect=False, status=0, other=0),
            ssl_context=context,
        )
        return minio.Minio(
            f"{self._endpoint.host}:{self._endpoint.port}",
            access_key=login.user,
            secret_key=login.password,
            secure=self._endpoint.secure,
            region=self._region,
            http_client=client,
        )

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What goes wrong, in words. The store's own are not shown: they quote the key."""
        import minio
        import urllib3

        try:
            yield
        except minio.S3Error as error:
            code = error.code or "no code"
            if code in ABOUT_THE_IMAGE:
                raise Never(f"{self._who} refuses the image: {ABOUT_THE_IMAGE[code]} ({code})") from None
            if code in LOG_IN:
                raise Later(f"{self._who} does not let us in with this access key ({code})") from None
            if code == "NoSuchBucket":
                raise Later(f"{self._who} has no bucket {self._bucket.name}; make it first") from None
            raise Later(f"{self._who} does not take the image now ({code})") from None
        except minio.error.MinioException as error:
            raise Later(f"{self._who} gives an answer that is none of an S3 store ({type(error).__name__})") from None
        except urllib3.exceptions.HTTPError as error:
            why = getattr(error, "reason", None) or error
            refused = next((one for one in why.args if isinstance(one, ssl.SSLCertVerificationError)), None)
            if refused is not None:
                said = getattr(refused, "verify_message", "") or str(refused)
                raise Unreachable(f"the certificate of {self._who} is not accepted: {said}") from None
            raise Unreachable(f"{self._who} cannot be reached, or breaks off ({type(why).__name__})") from None
        except (OSError, ValueError) as error:
            raise Later(f"the image cannot be handed to {self._who} ({type(error).__name__})") from None


def _facts(entry: Entry) -> tuple[str, str]:
    """The name of the object and the digest of its bytes. Raises Later, Never."""
    try:
        name = safe(Header.read(entry.file).first("SOPInstanceUID") or entry.object)
        return name, _sha256(entry.file)
    except OSError as error:
        raise Later(f"the image cannot be read from our own disk ({error.strerror})") from None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_of(store: "minio.Minio", bucket: str, key: str) -> str | None:
    """What we wrote down beside an object; empty where it is of somebody else, None where there is none."""
    import minio

    try:
        found: Mapping[str, str] = store.stat_object(bucket, key).metadata or {}
    except minio.S3Error as error:
        if error.code in ("NoSuchKey", "ResourceNotFound"):
            return None
        raise
    return next((value for name, value in found.items() if name.lower() == f"x-amz-meta-{DIGEST}"), "")
