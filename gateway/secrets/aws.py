"""Secrets from AWS Secrets Manager: `{ aws = "prod/appdb", field = "password", region = "eu-west-1" }`.

Through botocore, which is only loaded when it is used, and which finds the gateway's own credentials as the tools of
AWS do. It waits, so it does that in a thread.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from typing import Any, Final

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.secrets.values import one_value
from gateway.secrets.wrong import NotAllowed, NotAnswering, NothingThere

_NAME = re.compile(r"[A-Za-z0-9/_+=.@!:-]{1,2048}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_FIELD = re.compile(r"[ -~]{1,128}", re.ASCII)

_NOT_INSTALLED: Final = 'botocore is not installed - install hoop-tui with its extra "aws"'
_PATIENCE: Final = 5.0
"""Seconds to connect, and for each piece of an answer."""


@dataclass(frozen=True, slots=True)
class AwsName:
    """A secret by its name or ARN. Without a field it is all of it; without a region that of the surroundings."""

    name: str
    field: str = ""
    region: str = ""

    def __str__(self) -> str:
        return f"{self.name}#{self.field}" if self.field else self.name


def read_aws(reference: Mapping[str, Any]) -> AwsName:
    """Raises ValueError with a sentence."""
    if set(reference) - {"aws", "field", "region"}:
        raise ValueError("aws can only have field and region beside it")
    for key, pattern, sentence in (
        ("aws", _NAME, 'aws must be the name or ARN of a secret, as in "prod/appdb"'),
        ("field", _FIELD, "field must be the name of a field of the secret"),
        ("region", _REGION, 'region must be the name of a region, as in "eu-west-1"'),
    ):
        value = reference.get(key, "")
        if key in reference and (not isinstance(value, str) or not pattern.fullmatch(value)):
            raise ValueError(sentence)
    return AwsName(reference.get("aws", ""), reference.get("field", ""), reference.get("region", ""))


class AwsSecrets:
    """The Secrets port for `{"aws": NAME}`. It asks each time."""

    def __init__(self, *, endpoint: str | None = None, load: Callable[[str], Any] = import_module) -> None:
        """`endpoint` is where to ask instead of at AWS; `load` imports a module by its name."""
        self._endpoint = endpoint
        self._load = load
        self._clients: dict[str, Any] = {}
        self._making = Lock()

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """The secret, or its field. Raises `Fault`."""
        try:
            name = read_aws(reference)
        except ValueError as problem:
            raise Fault(f"a secret reference is wrong: {problem}") from None
        what = f"the AWS secret {name} can not be fetched"
        found = await asyncio.to_thread(self._ask, name, what)
        return _value(found, name, what)

    def forget(self, reference: Mapping[str, Any]) -> None:
        """Nothing is kept here."""

    def _ask(self, name: AwsName, what: str) -> Mapping[str, Any]:
        try:
            errors = self._load("botocore.exceptions")
        except ImportError:
            raise Fault(f"{what}: {_NOT_INSTALLED}") from None
        try:
            answer: Mapping[str, Any] = self._client(name.region).get_secret_value(SecretId=name.name)
        except errors.ClientError as problem:
            error = problem.response.get("Error", {})
            raise _refusal(str(error.get("Code", "")), what) from None
        except (errors.NoCredentialsError, errors.PartialCredentialsError, errors.CredentialRetrievalError):
            raise Fault(
                f"{what}: the gateway has no credentials for AWS - give its account a role or a profile"
            ) from None
        except errors.NoRegionError:
            raise Fault(f"{what}: no region is known - add region to the reference") from None
        except (errors.HTTPClientError, errors.ConnectionError):
            raise NotAnswering(f"{what}: AWS can not be reached - see the network and the region") from None
        except errors.BotoCoreError:
            raise Fault(f"{what}: AWS can not be asked - check the reference and the AWS settings") from None
        return answer

    def _client(self, region: str) -> Any:
        """Making one takes a while and is not safe in several threads; using one is."""
        with self._making:
            if region not in self._clients:
                # At debug level botocore logs whole answers, which are the secrets.
                logging.getLogger("botocore").setLevel(logging.WARNING)
                logging.getLogger("urllib3").setLevel(logging.WARNING)
                config = self._load("botocore.config").Config(
                    connect_timeout=_PATIENCE, read_timeout=_PATIENCE, retries={"total_max_attempts": 2}
                )
                session = self._load("botocore.session").Session()
                self._clients[region] = session.create_client(
                    "secretsmanager", region_name=region or None, endpoint_url=self._endpoint, config=config
                )
            return self._clients[region]

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await asyncio.to_thread(client.close)


def _refusal(code: str, what: str) -> Fault:
    if code == "ResourceNotFoundException":
        return NothingThere(f"{what}: there is no such secret in this region - check name and region")
    if code in ("AccessDeniedException", "AccessDenied", "KMSAccessDeniedException"):
        return NotAllowed(f"{what}: AWS does not allow it - allow secretsmanager:GetSecretValue and its key")
    if code in ("UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"):
        return NotAllowed(f"{what}: AWS does not take the gateway's credentials - check or renew them")
    if code in ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"):
        return NotAnswering(f"{what}: AWS is asked too often - try again later")
    if code in ("InternalServiceError", "InternalFailure", "ServiceUnavailable") or code.startswith("5"):
        return NotAnswering(f"{what}: AWS failed - try again later")
    if code == "InvalidRequestException":
        return NothingThere(f"{what}: the secret is deleted, or has no value yet - check it in AWS")
    return Fault(f"{what}: AWS does not take this question - check the reference and the secret's key")


def _value(found: Mapping[str, Any], name: AwsName, what: str) -> Secret:
    text, data = found.get("SecretString"), found.get("SecretBinary")
    if not name.field:
        whole = text if isinstance(text, str) else data
        return one_value(whole if isinstance(whole, str | bytes) else b"", f"{what}: it is empty")
    try:
        fields = json.loads(text if isinstance(text, str) else "")
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Fault(f"{what}: it is not a JSON object - leave field away to use all of it") from None
    if not isinstance(fields.get(name.field), str):
        raise Fault(f"{what}: it has no such field, or no text in it - check field")
    return one_value(fields[name.field], f"{what}: that field is empty")
