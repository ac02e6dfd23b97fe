"""A small site on Django OAuth Toolkit, run by the Python that has it (not ours). Its settings are a JSON argument.

Django is loaded by name, so that nobody who only reads or checks this file needs it.
"""

import json
import sys
from importlib import import_module
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

SETTINGS = json.loads(sys.argv[1])
BASE = f"http://127.0.0.1:{SETTINGS['port']}"


def new_key() -> str:
    rsa = import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    forms = import_module("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(65537, 2048)
    return str(
        key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()).decode()
    )


def configure() -> Any:
    """Django as it wants to be set up before anything of it is loaded. Gives its settings."""
    django_settings = import_module("django.conf").settings
    contrib = [f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions")]
    sessions, authentication = (
        "sessions.middleware.SessionMiddleware",
        "auth.middleware.AuthenticationMiddleware",
    )
    django_settings.configure(
        SECRET_KEY="of no worth",
        ALLOWED_HOSTS=["127.0.0.1"],
        INSTALLED_APPS=[*contrib, "oauth2_provider"],
        MIDDLEWARE=[f"django.contrib.{sessions}", f"django.contrib.{authentication}"],
        ROOT_URLCONF="toolkit_server",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": SETTINGS["database"]}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LOGIN_URL="/log-in/",
        USE_TZ=True,
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_ISS_ENDPOINT": BASE,
            "OIDC_RSA_PRIVATE_KEY": new_key(),
            "OAUTH2_VALIDATOR_CLASS": "toolkit_server.Validator",
            "OAUTH_DEVICE_VERIFICATION_URI": f"{BASE}/device/",
            "SCOPES": {name: name for name in ("openid", "profile", "email", "groups")},
        },
    )
    import_module("django").setup()
    return django_settings


SITE = configure()
User = import_module("django.contrib.auth.models").User
models = import_module("oauth2_provider.models")
http = import_module("django.http")
path, include = (getattr(import_module("django.urls"), name) for name in ("path", "include"))


def claims_of(_: Any, request: Any) -> dict[str, Any]:
    verified, groups = SETTINGS["people"][request.user.username]
    return {"email": request.user.email, "email_verified": verified, "groups": groups}


# Without scopes for claims, all of them are sent.
Validator = type(
    "Validator",
    (import_module("oauth2_provider.oauth2_validators").OAuth2Validator,),
    {"oidc_claim_scope": None, "get_additional_claims": claims_of},
)


def log_in(request: Any) -> Any:
    """A page with two fields, and on to where the person wanted to go."""
    if request.method == "GET":
        return http.HttpResponse('<form method="post"><input name="username"><input name="password"></form>')
    auth = import_module("django.contrib.auth")
    person = auth.authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if person is None:
        return http.HttpResponseForbidden("no")
    auth.login(request, person)
    return http.HttpResponseRedirect(request.GET["next"])


def describe(request: Any) -> Any:
    """The toolkit's description of itself, and the address of its device flow, which it only says elsewhere."""
    said = json.loads(
        import_module("oauth2_provider.views").ConnectDiscoveryInfoView.as_view()(request).content
    )
    return http.JsonResponse({**said, "device_authorization_endpoint": f"{BASE}/device-authorization/"})


def rotate(_: Any) -> Any:
    SITE.OAUTH2_PROVIDER["OIDC_RSA_PRIVATE_KEY"] = new_key()
    import_module("oauth2_provider.settings").oauth2_settings.reload()
    return http.HttpResponse()


def disable(_: Any, name: str) -> Any:
    person = User.objects.get(username=name)
    person.is_active = False
    person.save()
    for token in models.get_refresh_token_model().objects.filter(user=person, revoked__isnull=True):
        token.revoke()
    return http.HttpResponse()


urlpatterns = [
    path(".well-known/openid-configuration", describe),
    path("log-in/", log_in),
    path("staff/rotate", rotate),
    path("staff/disable/<name>", disable),
    path("", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


def fill() -> None:
    """The database: people, and a client for each of the two flows."""
    import_module("django.core.management").call_command("migrate", verbosity=0)
    for name in SETTINGS["people"]:
        User.objects.create_user(name, f"{name}@example.com", SETTINGS["password"])
    application = models.get_application_model()
    common = {"client_type": "confidential", "client_secret": SETTINGS["secret"], "algorithm": "RS256"}
    application.objects.create(
        client_id=SETTINGS["client"],
        authorization_grant_type=application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=SETTINGS["callback"],
        skip_authorization=True,
        **common,
    )
    application.objects.create(
        client_id=SETTINGS["device_client"],
        authorization_grant_type=application.GRANT_DEVICE_CODE,
        **common,
    )


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    sys.modules["toolkit_server"] = sys.modules["__main__"]
    fill()
    application = import_module("django.core.wsgi").get_wsgi_application()
    server = make_server("127.0.0.1", SETTINGS["port"], application, Server, Quiet)
    print("Listening on:", BASE, flush=True)
    server.serve_forever()
