"""AWS Secrets Manager, by moto's server: values, fields, rotation, refusals, and a machine without botocore."""

import json
import logging
import socket
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from gateway.core.errors import Fault
from gateway.secrets.aws import AwsSecrets
from gateway.secrets.cached import CachedSecrets
from gateway.secrets.wrong import NotAllowed, NotAnswering, NothingThere
from tests.secrets.conftest import CANARY, fault_of
from tests.secrets.vault_double import Watch

APPDB = {"aws": "prod/appdb", "field": "password", "region": "eu-west-1"}
FAILS = "the AWS secret prod/appdb#password can not be fetched: "


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of AWS."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account of ours, and nothing of whoever runs the tests."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{CANARY}-of-aws")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def admin(moto: str) -> Iterator[Any]:
    """Somebody who puts secrets there."""
    session = import_module("botocore.session").Session()
    client = session.create_client("secretsmanager", region_name="eu-west-1", endpoint_url=moto)
    yield client
    for secret in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        client.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
    client.close()


@pytest.fixture
async def secrets(moto: str) -> Any:
    secrets = AwsSecrets(endpoint=moto)
    yield secrets
    await secrets.close()


async def test_whole_or_a_field_by_name_or_arn(admin: Any, secrets: AwsSecrets) -> None:
    text = json.dumps({"password": CANARY, "port": 5432, "empty": "", "user": "app\n"})
    arn = admin.create_secret(Name="prod/appdb", SecretString=text)["ARN"]
    assert (await secrets.fetch(APPDB)).expose() == CANARY.encode()
    assert (await secrets.fetch({**APPDB, "aws": arn})).expose() == CANARY.encode()
    assert (await secrets.fetch({**APPDB, "field": "user"})).expose() == b"app"
    assert (await secrets.fetch({"aws": "prod/appdb", "region": "eu-west-1"})).expose() == text.encode()
    for field in ("port", "passwort"):
        told = await fault_of(secrets.fetch({**APPDB, "field": field}), "5432")
        assert told.endswith("it has no such field, or no text in it - check field")
    assert (await fault_of(secrets.fetch({**APPDB, "field": "empty"}))).endswith("that field is empty")


async def test_bytes_and_text_that_is_no_object(admin: Any, secrets: AwsSecrets) -> None:
    admin.create_secret(Name="bytes", SecretBinary=b"\x00\xff\n")
    admin.create_secret(Name="text", SecretString=f"[{CANARY}")
    admin.create_secret(Name="list", SecretString=json.dumps([CANARY]))
    where = {"region": "eu-west-1"}
    assert (await secrets.fetch({"aws": "bytes", **where})).expose() == b"\x00\xff"
    assert (await secrets.fetch({"aws": "text", **where})).expose() == f"[{CANARY}".encode()
    for name in ("bytes", "text", "list"):
        told = await fault_of(secrets.fetch({"aws": name, "field": "f", **where}))
        assert told.endswith("it is not a JSON object - leave field away to use all of it")


async def test_a_rotated_secret_is_in_force_without_a_restart(
    admin: Any, secrets: AwsSecrets, watch: Watch
) -> None:
    """By itself when its time is over, and at once when a target has refused the old one."""
    cached = CachedSecrets(secrets, now=watch)
    admin.create_secret(Name="prod/appdb", SecretString='{"password":"one"}')
    assert (await cached.fetch(APPDB)).expose() == b"one"
    admin.put_secret_value(SecretId="prod/appdb", SecretString='{"password":"two"}')
    assert (await cached.fetch(APPDB)).expose() == b"one"
    watch.time += 30
    assert (await cached.fetch(APPDB)).expose() == b"two"
    admin.put_secret_value(SecretId="prod/appdb", SecretString='{"password":"three"}')
    watch.time += 1
    cached.forget(APPDB)
    assert (await cached.fetch(APPDB)).expose() == b"three"
    await cached.close()


async def test_what_is_not_there(admin: Any, secrets: AwsSecrets) -> None:
    with pytest.raises(NothingThere):
        await secrets.fetch(APPDB)
    assert await fault_of(secrets.fetch(APPDB)) == (
        f"{FAILS}there is no such secret in this region - check name and region"
    )
    admin.create_secret(Name="prod/appdb", SecretString="{}")
    admin.delete_secret(SecretId="prod/appdb", RecoveryWindowInDays=7)
    assert "the secret is deleted, or has no value yet" in await fault_of(secrets.fetch(APPDB))
    admin.restore_secret(SecretId="prod/appdb")
    with pytest.raises(NothingThere):
        await secrets.fetch({**APPDB, "region": "us-east-1"})


async def test_the_region_of_the_surroundings(
    admin: Any, secrets: AwsSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.create_secret(Name="text", SecretString="value")
    assert (await fault_of(secrets.fetch({"aws": "text"}))).endswith(
        "no region is known - add region to the reference"
    )
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert (await secrets.fetch({"aws": "text"})).expose() == b"value"


async def test_the_address_can_come_from_the_environment(
    admin: Any, moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.create_secret(Name="text", SecretString="value")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto)
    secrets = AwsSecrets()
    assert (await secrets.fetch({"aws": "text", "region": "eu-west-1"})).expose() == b"value"
    await secrets.close()


async def test_without_credentials(secrets: AwsSecrets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    told = await fault_of(secrets.fetch(APPDB))
    assert told == f"{FAILS}the gateway has no credentials for AWS - give its account a role or a profile"


async def test_when_it_does_not_answer() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        secrets = AwsSecrets(endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(NotAnswering) as caught:
            await secrets.fetch(APPDB)
    assert caught.value.sentence == f"{FAILS}AWS can not be reached - see the network and the region"
    await secrets.close()


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        ("AccessDeniedException", NotAllowed, "AWS does not allow it"),
        ("UnrecognizedClientException", NotAllowed, "AWS does not take the gateway's credentials"),
        ("ExpiredTokenException", NotAllowed, "AWS does not take the gateway's credentials"),
        ("ThrottlingException", NotAnswering, "AWS is asked too often"),
        ("InternalServiceError", NotAnswering, "AWS failed"),
        ("503", NotAnswering, "AWS failed"),
        ("DecryptionFailure", Fault, "AWS does not take this question"),
        (CANARY, Fault, "AWS does not take this question"),
        ("", Fault, "AWS does not take this question"),
    ],
)
async def test_what_aws_says(code: str, kind: type[Fault], sentence: str) -> None:
    """moto can not say these, so the client in between does."""

    class Client:
        def get_secret_value(self, **asked: str) -> object:
            assert asked == {"SecretId": "prod/appdb"}
            error = {"Error": {"Code": code, "Message": CANARY}}
            raise import_module("botocore.exceptions").ClientError(error, "GetSecretValue")

        def close(self) -> None:
            pass

    secrets = AwsSecrets()
    secrets._clients["eu-west-1"] = Client()
    with pytest.raises(Fault) as caught:
        await secrets.fetch(APPDB)
    assert type(caught.value) is kind
    assert (await fault_of(secrets.fetch(APPDB))).startswith(FAILS + sentence)
    await secrets.close()


@pytest.mark.parametrize(
    "reference",
    [
        {"aws": ""},
        {"aws": 7},
        {"aws": "a b"},
        {"aws": "a\nb"},
        {"aws": "a", "field": ""},
        {"aws": "a", "field": 7},
        {"aws": "a", "region": "../x"},
        {"aws": "a", "version": "1"},
    ],
)
async def test_references_that_are_wrong(secrets: AwsSecrets, reference: dict[str, Any]) -> None:
    assert (await fault_of(secrets.fetch(reference))).startswith("a secret reference is wrong: ")


async def test_a_machine_without_botocore() -> None:
    def load(name: str) -> Any:
        if name.startswith("botocore"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return import_module(name)

    told = await fault_of(AwsSecrets(load=load).fetch(APPDB))
    assert told == f'{FAILS}botocore is not installed - install hoop-tui with its extra "aws"'


async def test_nothing_of_it_is_logged(admin: Any, moto: str, caplog: pytest.LogCaptureFixture) -> None:
    """botocore logs whole answers at the level debug."""
    admin.create_secret(Name="prod/appdb", SecretString=json.dumps({"password": CANARY}))
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    secrets = AwsSecrets(endpoint=moto)
    await secrets.fetch(APPDB)
    await secrets.close()
    assert CANARY not in caplog.text
    assert "botocore" not in {record.name.split(".")[0] for record in caplog.records}
