"""AWS Secrets Manager for tests: moto's server on 127.0.0.1, and what a process needs to find it."""

import json
import logging
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from moto.server import ThreadedMotoServer


class AwsDouble:
    """`start`, use, `stop`."""

    region = "eu-west-1"

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.address = ""

    def start(self) -> None:
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.address = f"http://{host}:{port}"

    def stop(self) -> None:
        self._server.stop()

    def keep(self, name: str, fields: Mapping[str, Any]) -> None:
        """Put a secret there, or a new version of it."""
        session = import_module("botocore.session").Session()
        client = session.create_client(
            "secretsmanager",
            region_name=self.region,
            endpoint_url=self.address,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="nobody looks at it here",
        )
        try:
            client.create_secret(Name=name, SecretString=json.dumps(fields))
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=json.dumps(fields))
        finally:
            client.close()

    def environ(self, directory: Path, key: str) -> dict[str, str]:
        """For a process that asks here: credentials in a file, nothing else of this machine's."""
        credentials = directory / "aws-credentials"
        credentials.touch(0o600)
        credentials.write_text(
            f"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {key}\n"
        )
        return {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.address,
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
            "AWS_CONFIG_FILE": str(directory / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
