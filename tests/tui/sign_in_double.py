"""The sign-in addresses of the API's contract over real HTTP on loopback, with a certificate authority that signs."""

import asyncio
import threading
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_key,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gateway.api.schema import (
    CertificateAsked,
    CertificatePage,
    CertificateSummary,
    DatabaseTokenAsked,
    DeviceAsked,
    DeviceCode,
    GrantRefused,
    MachineAsked,
    Me,
    Problem,
    SignedInToken,
    SshCertificate,
    TokenAsked,
    TokenPage,
    TokenSummary,
)

Answer = Callable[[Request], Awaitable[Response]]
PERSON = "alice@example.com"
SECRET, CI_TOKEN = "machine-canary-77", "ci.canary.token"


class SignInDouble:
    """A gateway to sign in to. `override` answers in place of a path; `confirm` is what the person does."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.override: dict[str, Answer] = {}
        self.good: dict[str, str] = {}
        """Tokens that are good, and their kind."""
        self.life = timedelta(hours=12)
        self.certificate_life = timedelta(hours=12)
        self.device_expires_in, self.interval = 300, 1
        self.hosts, self.ssh_host, self.ssh_port = ["127.0.0.1"], "127.0.0.1", 2222
        self.iss = ""
        self.note = ""
        self.polls = 0
        self.polled = threading.Event()
        self.device_said: list[str] = []
        """What collecting answers, one after another; then `authorization_pending` until it is confirmed."""
        self.confirmed = threading.Event()
        self.challenges: dict[str, tuple[str, str]] = {}
        self.serial = 0
        self.authority = Ed25519PrivateKey.generate()
        self._loop = asyncio.new_event_loop()
        config = uvicorn.Config(self._app(), host="127.0.0.1", port=0, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(30)

    async def _serve(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._server.config.bind_socket()]))
        while not self._server.started:
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(30)
        self._loop.close()

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.seen]

    def new_token(self, kind: str = "login", person: str = PERSON) -> SignedInToken:
        token = f"hoop_t-{len(self.good):04}_{kind}-canary"
        self.good[token] = kind
        return SignedInToken(
            token=token,
            id=f"t-{len(self.good):04}",
            person=person,
            roles=["person"],
            expires_at=datetime.now(UTC) + self.life,
            gateway="gw-eu-1",
            note=self.note,
        )

    def authority_line(self) -> str:
        return self.authority.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def _app(self) -> Starlette:
        answers: list[tuple[str, str, Answer]] = [
            ("POST", "/v1/login/device", self._device),
            ("POST", "/v1/login/token", self._token),
            ("POST", "/v1/login/exchange", self._exchange),
            ("POST", "/v1/login/refresh", self._refresh),
            ("POST", "/v1/logout", self._logout),
            ("GET", "/login", self._login),
            ("GET", "/v1/me", self._me),
            ("POST", "/v1/ssh/certificate", self._certificate),
            ("POST", "/v1/tokens", self._database_token),
            ("GET", "/v1/tokens", self._tokens),
            ("DELETE", "/v1/tokens/{id}", self._gone),
            ("GET", "/v1/certificates", self._certificates),
            ("DELETE", "/v1/certificates/{id}", self._gone),
        ]
        return Starlette(routes=[Route(path, self._noted(run), methods=[way]) for way, path, run in answers])

    def _noted(self, answer: Answer) -> Answer:
        async def noted(request: Request) -> Response:
            self.seen.append((request.method, request.url.path, await request.body()))
            return await self.override.get(request.url.path, answer)(request)

        return noted

    def kind_of(self, request: Request) -> str:
        return self.good.get(request.headers.get("authorization", "").removeprefix("Bearer "), "")

    async def _device(self, request: Request) -> Response:
        asked = DeviceAsked.model_validate_json(await request.body())
        assert (asked.client, asked.what) == ("hoop-tui", "hoop-tui login")
        code = DeviceCode(
            device_code="device-canary",
            user_code="WDJB-MJHT",
            verification_uri=f"{self.url}/d",
            verification_uri_complete=f"{self.url}/d/WDJB-MJHT",
            expires_in=self.device_expires_in,
            interval=self.interval,
        )
        return model(code)

    async def _token(self, request: Request) -> Response:
        asked = TokenAsked.model_validate_json(await request.body())
        if asked.grant == "code":
            return self._redeem(asked)
        self.polls += 1
        self.polled.set()
        if asked.device_code != "device-canary":
            return refused("invalid_grant", "this code is not known")
        if self.device_said:
            return refused(self.device_said.pop(0), "said so")
        return (
            model(self.new_token()) if self.confirmed.is_set() else refused("authorization_pending", "wait")
        )

    def _redeem(self, asked: TokenAsked) -> Response:
        challenge, redirect_uri = self.challenges.pop(asked.code, ("", ""))
        hashed = urlsafe_b64encode(sha256(asked.code_verifier.encode()).digest()).decode().rstrip("=")
        if hashed != challenge or asked.redirect_uri != redirect_uri:
            return refused("invalid_grant", "this sign-in was not begun here")
        return model(self.new_token())

    async def _login(self, request: Request) -> Response:
        """The person signs in at once: their browser is sent back."""
        query = request.query_params
        assert query["response_type"] == "code"
        assert query["client_id"] == "hoop-tui"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = (query["code_challenge"], query["redirect_uri"])
        back = {"code": code, "state": query["state"], "iss": self.iss or self.url}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(back)}", 302)

    async def _exchange(self, request: Request) -> Response:
        asked = MachineAsked.model_validate_json(await request.body())
        if asked.machine != "deploy-bot" or (asked.client_secret, asked.subject_token) not in (
            (SECRET, ""),
            ("", CI_TOKEN),
        ):
            return problem(401, "this machine and what it showed do not belong together")
        return model(self.new_token("machine", "deploy-bot"))

    async def _refresh(self, request: Request) -> Response:
        old = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.good.pop(old, "") != "login":
            return problem(401, "this token is not known")
        return model(self.new_token())

    async def _logout(self, request: Request) -> Response:
        if not self.kind_of(request):
            return problem(401, "this token is not known")
        del self.good[request.headers["authorization"].removeprefix("Bearer ")]
        return Response(status_code=204)

    async def _me(self, request: Request) -> Response:
        if not self.kind_of(request):
            return problem(401, "this token is not known")
        me = Me(
            person=PERSON,
            roles=["person", "auditor"],
            groups=["sec"],
            method="browser",
            expires_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
            gateway="gw-eu-1",
            version="0.1.0",
        )
        return model(me)

    async def _certificate(self, request: Request) -> Response:
        if not self.kind_of(request):
            return problem(401, "this token is not known")
        asked = CertificateAsked.model_validate_json(await request.body())
        return model(self.certify(asked.public_key))

    def certify(
        self, public_key: str, kind: SSHCertificateType = SSHCertificateType.USER, principal: bytes = b"alice"
    ) -> SshCertificate:
        self.serial += 1
        key = load_ssh_public_key(public_key.encode())
        now, ends = datetime.now(UTC), datetime.now(UTC) + self.certificate_life
        builder = (
            SSHCertificateBuilder()
            .public_key(key)  # type: ignore[arg-type]  # any key that the client sent
            .serial(self.serial)
            .type(kind)
            .key_id(PERSON.encode())
            .valid_principals([principal])
            .valid_after(int((now - timedelta(hours=24)).timestamp()))
            .valid_before(int(ends.timestamp()))
            .add_extension(b"permit-pty", b"")
        )
        line = builder.sign(self.authority).public_bytes().decode()
        return SshCertificate(
            certificate=line,
            serial=str(self.serial),
            expires_at=ends,
            person=PERSON,
            host_authorities=[self.authority_line()],
            hosts=self.hosts,
            ssh_host=self.ssh_host,
            ssh_port=self.ssh_port,
        )

    async def _database_token(self, request: Request) -> Response:
        if self.kind_of(request) != "login":
            return problem(401, "this token is not known")
        asked = DatabaseTokenAsked.model_validate_json(await request.body())
        if asked.target != "appdb":
            return problem(404, f"there is no target {asked.target}")
        return model(self.new_token("database"))

    async def _tokens(self, request: Request) -> Response:
        now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
        rows = [
            TokenSummary(
                id="t-1", person=PERSON, kind="login", roles=["person"], created_at=now, expires_at=now
            ),
            TokenSummary(
                id="t-2",
                person=PERSON,
                kind="api",
                roles=["auditor"],
                created_at=now,
                expires_at=None,
                revoked=True,
                label="old \x1b[2J",
            ),
        ]
        everything = request.query_params.get("state", "good") == "all"
        return model(TokenPage(tokens=[row for row in rows if everything or not row.revoked]))

    async def _certificates(self, request: Request) -> Response:
        now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
        row = CertificateSummary(
            serial="17", person=PERSON, fingerprint="SHA256:abc", issued_at=now, expires_at=now
        )
        return model(CertificatePage(certificates=[row]))

    async def _gone(self, request: Request) -> Response:
        known = request.path_params["id"] in ("t-1", "17")
        return Response(status_code=204) if known else problem(404, "there is none with this id")


def model(body: object) -> Response:
    assert hasattr(body, "model_dump")
    return JSONResponse(body.model_dump(mode="json"))


def problem(status: int, sentence: str) -> Response:
    body = Problem(title="no", status=status, detail=sentence).model_dump_json()
    return Response(body, status_code=status, media_type="application/problem+json")


def refused(word: str, sentence: str) -> Response:
    body = GrantRefused.model_validate({"error": word, "detail": sentence})
    return JSONResponse(body.model_dump(), 400)


def always(response: Callable[[], Response]) -> Answer:
    """An answer whatever was asked."""

    async def answer(_: Request) -> Response:
        return response()

    return answer
