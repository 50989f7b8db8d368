"""Clients of S3 through boto3, and what their errors mean; the only module that imports boto3.

`S3Access` is shared by the S3 store and by links. It asks its provider for credentials when it first connects, and
again when the server says that they have expired. boto3's own retries are off, because it repeats a conditional write
whose answer was lost and then reports the conflict with itself; `S3Access.call` repeats what may be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import InvalidInputError, StorageError, object_missing
from ..exclusive import ForkSafeLock
from .retry import retrying

T = TypeVar("T")
Provider = Callable[[], Mapping[str, str]]

S3_KEYS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "endpoint_url",
    "aws_region",
    "profile_name",
)
"""What a mapping of credentials may hold. Without any of it boto3's own rules apply (environment, files, roles)."""

EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidAccessKeyId",
    "InvalidToken",
    "TokenRefreshRequired",
}
_PASSING = {
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequests",
    "ConditionalRequestConflict",
    "OperationAborted",
}
_MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}

# botocore's and urllib3's names of errors after which the request was surely not sent ...
_NOT_SENT = {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"}
# ... and of those after which it may have arrived.
_CUT = {
    "ConnectionClosedError",
    "ConnectionError",
    "HTTPClientError",
    "IncompleteReadError",
    "ProtocolError",
    "ReadTimeoutError",
    "ResponseStreamingError",
    "SSLError",
}
_NO_CREDENTIALS = {
    "CredentialRetrievalError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "SSOTokenLoadError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
}


_BAD_KEY = ("bad-credentials", "the server does not accept the secret key", "check the credentials")
_EXPIRED = ("expired-credentials", "the credentials have expired or are not known", "renew them and try again")
# Code of the server -> kind, message, hint.
_MEANINGS = {
    "NoSuchBucket": ("missing-bucket", "the bucket does not exist", "check its name and endpoint_url; create it first"),
    "RequestTimeTooSkewed": ("clock-skew", "the clock of this machine differs from the server's", "set the clock"),
    "SignatureDoesNotMatch": _BAD_KEY,
    "AuthFailure": _BAD_KEY,
    "InvalidClientTokenId": _BAD_KEY,
    **dict.fromkeys(EXPIRED, _EXPIRED),
}


def error_code(error: BaseException) -> str:
    """The server's code ("NoSuchKey", "PreconditionFailed", ...), or "" if the server did not answer."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def http_status(error: BaseException) -> int:
    """The HTTP status of the server's answer, or 0 if there was none."""
    response = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0


def was_not_sent(error: BaseException) -> bool:
    """Whether the request surely did not reach the server."""
    return type(error).__name__ in _NOT_SENT | _NO_CREDENTIALS


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    if http_status(error):
        return http_status(error) in {429, 500, 502, 503, 504} or error_code(error) in _PASSING
    return type(error).__name__ in _NOT_SENT | _CUT and "CERTIFICATE_VERIFY_FAILED" not in str(error)


def is_missing(error: BaseException) -> bool:
    """Whether the server said that there is no such object."""
    return error_code(error) in _MISSING


@dataclass(frozen=True, slots=True)
class _Connection:
    client: Any
    process: int
    anonymous: bool


class S3Access:
    """One identity on one S3 endpoint. Thread-safe, and usable after a fork (each process makes its own client)."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = ForkSafeLock()
        self._current: _Connection | None = None

    def __repr__(self) -> str:
        return "S3Access()"

    @property
    def client(self) -> Any:
        """The boto3 client of this process. Raises StorageError."""
        current = self._current
        if current is not None and current.process == os.getpid():
            return current.client
        return self._connect(None)

    def refresh(self, stale: Any) -> Any:
        """A client with credentials asked anew, unless another thread has replaced `stale` already."""
        return self._connect(stale)

    def _connect(self, stale: Any) -> Any:
        with self._lock:
            current = self._current
            if current is None or current.process != os.getpid() or current.client is stale:
                self._current = current = _connect(self._provider())
            return current.client

    def call(self, request: Callable[[Any], T], place: str) -> T:
        """The result of ``request(client)``, repeated over passing faults, and once with fresh credentials.

        Only for requests that may be repeated. Raises ObjectMissingError, StorageError; `place` goes into the message.
        """
        client = self.client
        try:
            try:
                return _patiently(lambda: request(client))
            except Exception as error:
                if error_code(error) not in EXPIRED:
                    raise
                fresh = self.refresh(client)
                return _patiently(lambda: request(fresh))
        except Exception as error:
            meaning = self.translate(error, place)
            if meaning is error:
                raise
            raise meaning from error

    def translate(self, error: Exception, place: str) -> Exception:
        """The StorageError that says what an error of boto3 means; any other error as it is."""
        if isinstance(error, StorageError) or not _is_from_boto(error):
            return error
        if is_missing(error):
            return object_missing(place)
        kind, message, hint = self._meaning(error)
        return StorageError(message, kind=kind, place=place, hint=hint)

    def _meaning(self, error: Exception) -> tuple[str, str, str]:
        code, status, name = error_code(error), http_status(error), type(error).__name__
        said = f"{code or status}: {_said(error)}" if status else f"{name}: {error}"
        if code in _MEANINGS:
            kind, message, hint = _MEANINGS[code]
            return kind, f"{message} ({code})", hint
        if status in {401, 403}:
            return "no-permission", f"the server denied access ({said})", self._hint_for_denial()
        if name in _NO_CREDENTIALS:
            return "no-credentials", f"no usable credentials were found ({said})", _HOW_TO_SUPPLY
        if name in _NOT_SENT | _CUT or is_passing(error):
            return (
                "unreachable",
                f"the server did not answer ({said})",
                "check the network and endpoint_url; then try again",
            )
        return "storage", f"the server refused ({said})", ""

    def _hint_for_denial(self) -> str:
        if self._current is not None and self._current.anonymous:
            return f"no credentials were found, so the request was anonymous; {_HOW_TO_SUPPLY}"
        return "reading needs s3:GetObject and s3:ListBucket, writing s3:PutObject, clean-up s3:DeleteObject"


_HOW_TO_SUPPLY = "pass creds, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE"


def check_creds(creds: Mapping[str, Any]) -> dict[str, str]:
    """A copy of `creds` without empty values. Raises InvalidInputError (kind "bad-creds") that names unknown fields."""
    unknown = [name for name in creds if name not in S3_KEYS]
    if unknown:
        raise InvalidInputError(
            f"credentials for S3 cannot hold {', '.join(sorted(map(repr, unknown)))}",
            kind="bad-creds",
            hint=f"known are {', '.join(S3_KEYS)}",
        )
    return {name: str(value) for name, value in creds.items() if value}


def has_profile(name: str) -> bool:
    """Whether the AWS configuration files hold a profile `name`; False where boto3 is not installed."""
    try:
        import botocore.session
    except ImportError:
        return False
    return name in botocore.session.Session().available_profiles


def _patiently(request: Callable[[], T]) -> T:
    """`request`, repeated over passing faults; a server that says nothing at all is asked twice, not six times."""
    return retrying(request, is_passing, within=1.5 * _timeout())


def _connect(creds: Mapping[str, str]) -> _Connection:
    boto3, botocore = _import_boto()
    timeout = _timeout()
    try:
        session = boto3.Session(
            aws_access_key_id=creds.get("aws_access_key_id"),
            aws_secret_access_key=creds.get("aws_secret_access_key"),
            aws_session_token=creds.get("aws_session_token"),
            region_name=creds.get("aws_region"),
            profile_name=creds.get("profile_name"),
        )
        anonymous = session.get_credentials() is None
        region = session.region_name or "us-east-1"  # S3 itself tells a client that is wrong about this
        config = _config(botocore, anonymous, timeout)
        client = session.client("s3", endpoint_url=creds.get("endpoint_url"), region_name=region, config=config)
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise _cannot_connect(error, creds) from error
    return _Connection(client, os.getpid(), anonymous)


def _config(botocore: Any, anonymous: bool, timeout: float) -> Any:
    return botocore.config.Config(
        retries={"total_max_attempts": 1},
        connect_timeout=min(10.0, timeout),
        read_timeout=timeout,
        max_pool_connections=32,
        # Not every server can check a part of an object; what we read is checked by our own hashes.
        response_checksum_validation="when_required",
        signature_version=botocore.UNSIGNED if anonymous else None,
    )


def _timeout() -> float:
    """Seconds without a byte from the server after which an attempt is given up."""
    text = os.environ.get("LAKEBED_S3_TIMEOUT") or "30"
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInputError(
            f"LAKEBED_S3_TIMEOUT is {text!r}, but a number of seconds is expected", kind="bad-setting"
        ) from error


def _import_boto() -> tuple[Any, Any]:
    try:
        import boto3
        import botocore
        import botocore.config
        import botocore.exceptions
    except ImportError as error:
        raise StorageError(
            "S3 needs the package boto3, which is not installed",
            kind="missing-package",
            hint="pip install 'lakebed[s3]'",
        ) from error
    return boto3, botocore


def _cannot_connect(error: Exception, creds: Mapping[str, str]) -> StorageError:
    endpoint = creds.get("endpoint_url") or "Amazon's"
    return StorageError(
        f"S3 cannot be used with these settings ({type(error).__name__}: {error})",
        kind="no-credentials" if type(error).__name__ in _NO_CREDENTIALS | {"ProfileNotFound"} else "bad-creds",
        place=f"endpoint {endpoint}",
        hint=_HOW_TO_SUPPLY,
    )


def _is_from_boto(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in {"botocore", "boto3", "urllib3", "s3transfer"}


def _said(error: BaseException) -> str:
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Message") or "no reason given")
