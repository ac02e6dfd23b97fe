"""The API's words for whoever goes on to a database, beside those of `schema.py`. `hoop-tui` reads them as JSON."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.api.schema import SignedInToken

_Pem = Annotated[str, Field(max_length=16_384, repr=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class DatabasePlace(_Model):
    """Where clients of databases find the gateway, and what they know it by: the certificates of its own authority.
    Empty where its certificate is another's, or where there is no such place."""

    host: str = ""
    port: int = 0
    authorities: str = ""


class DatabasePassword(SignedInToken):
    """A password for one target, and where it is shown."""

    place: DatabasePlace


class DatabaseCertificateAsked(_Model):
    """A key to certify, as PEM: itself, or in a certificate request, of which nothing else counts.
    `bind_address`: for use from the caller's address only."""

    public_key: _Pem = ""
    csr: _Pem = ""
    bind_address: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.public_key) == bool(self.csr):
            raise ValueError("send one of public_key and csr")
        return self


class DatabaseCertificate(_Model):
    """A certificate as PEM, and its serial in decimal."""

    certificate: str
    serial: str
    expires_at: datetime
    person: str
    place: DatabasePlace


class OAuthMetadata(_Model):
    """RFC 8414, as psql reads it."""

    issuer: str
    token_endpoint: str
    device_authorization_endpoint: str
    grant_types_supported: list[str]
    scopes_supported: list[str]
    response_types_supported: list[str] = []
    token_endpoint_auth_methods_supported: list[str] = ["none"]


class OAuthDeviceCode(_Model):
    """RFC 8628, section 3.2."""

    device_code: Annotated[str, Field(repr=False)]
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class OAuthToken(_Model):
    """RFC 6749, section 5.1."""

    access_token: Annotated[str, Field(repr=False)]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of the standard
    expires_in: int
    scope: str


class OAuthProblem(_Model):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str
