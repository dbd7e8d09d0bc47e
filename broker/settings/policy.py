"""The ``policy`` section: who decides, how it is reached, and how long it is waited for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from broker.settings.fault import Fault

EngineKind = Literal["cedar", "opa", "authzen"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_OPA_PATH: Final = "/v1/data/"
_OF_SERVERS: Final = ("url", "ca_file", "cert_file", "key_file", "token_file")


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who decides.

    Whatever it is, an answer that does not come in time, or is not understood, refuses.
    """

    engine: EngineKind = "cedar"
    """``cedar``: the published policies, in this process. ``opa``: an Open Policy Agent.
    ``authzen``: a server of the OpenID AuthZEN Authorization API 1.0. Default cedar."""
    url: str = ""
    """Where the server is. Of an OPA the document that decides (``…/v1/data/jit/decision``), of a
    server of AuthZEN what its ``/access/v1/evaluation`` comes after. Default none."""
    ca_file: Path | None = None
    """The only authority to trust for its certificate; else those of the system."""
    cert_file: Path | None = None
    """Our own certificate, when the server asks for one."""
    key_file: Path | None = None
    """The key of our certificate."""
    token_file: Path | None = None
    """A bearer token to show; read again when the file changes."""
    deadline_ms: Annotated[int, Meta(ge=50, le=10_000)] = 500
    """How long one answer may take, waiting for a place included. Default 500."""
    max_in_flight: Annotated[int, Meta(ge=2, le=1_024)] = 64
    """Questions that the server is asked at one time; half of them at most by looking again at
    what was granted. Default 64."""
    batch: Annotated[int, Meta(ge=1, le=200)] = 50
    """Questions in one call, where the server takes several. Default 50."""
    recheck_seconds: Annotated[int, Meta(ge=5, le=3_600)] = 30
    """How soon what was granted is decided anew, since nobody tells us of a change at the server.
    Default 30."""

    undecided_seconds: Annotated[int, Meta(ge=1, le=3_600)] = 10
    """For how long an engine that fails is asked again about what is out; then that is ended.
    Default 10."""

    def faults(self) -> Iterator[Fault]:
        """Find what is well-typed and still wrong."""
        if self.engine == "cedar":
            yield from self._needless_faults()
            return
        if (message := _url_fault(self.url)) is not None:
            yield Fault(("url",), message, "write https://host/path (http on loopback only)")
        else:
            yield from self._path_faults(urlsplit(self.url).path)
        yield from self._tls_faults()

    def _needless_faults(self) -> Iterator[Fault]:
        for name in _OF_SERVERS:
            if getattr(self, name):
                remedy = "write engine: opa or engine: authzen, or remove it"
                yield Fault((name,), "is for a server, and cedar decides in this process", remedy)

    def _path_faults(self, path: str) -> Iterator[Fault]:
        if self.engine == "opa":
            name = path.removeprefix(path.partition(_OPA_PATH)[0]).removeprefix(_OPA_PATH)
            if _OPA_PATH not in path or not all(name.split("/")):
                remedy = "write the whole path, such as /v1/data/jit/decision"
                yield Fault(("url",), "names no document of an OPA", remedy)
        elif path.endswith(("/", "/evaluation", "/evaluations")):
            remedy = "leave away the slash, or /access/v1/evaluation"
            yield Fault(("url",), "is more than what comes before the API", remedy)

    def _tls_faults(self) -> Iterator[Fault]:
        if (self.cert_file is None) != (self.key_file is None):
            missing = "cert_file" if self.cert_file is None else "key_file"
            yield Fault((missing,), "is missing", "cert_file and key_file belong together")
        if self.url.startswith("http://"):
            for name in ("ca_file", "cert_file", "key_file"):
                if getattr(self, name) is not None:
                    yield Fault((name,), "is for TLS, and url is not", "write https:// in url")


def _url_fault(url: str) -> str | None:
    if not url:
        return "missing: nobody would decide"
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        return "is no URL"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.username is not None or "?" in url or "#" in url:
        return "has more than scheme, host and path"
    if not host or parts.scheme not in {"https", "http"}:
        return "is no https URL"
    return None if parts.scheme == "https" or host in _LOOPBACK else "is http beyond loopback"
