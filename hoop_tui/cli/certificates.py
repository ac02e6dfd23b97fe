"""`hoop-tui certificates ls|revoke`: the certificates that the gateway has signed."""

from pathlib import Path

from gateway.api.schema import CertificatePage, CertificateSummary
from hoop_tui.cli.asked import Ask, filtered, signed_in
from hoop_tui.cli.printing import complain, hint, print_json, print_table
from hoop_tui.login.desk import parsed
from hoop_tui.wording import minute_time

_TITLES = ("SERIAL", "WHO", "KEY", "EXPIRES", "FROM", "STATE")


def list_certificates(
    gateway: str, token_file: Path | None, *, person: str, everything: bool, output: str
) -> int:
    def work(ask: Ask) -> int:
        page = parsed(CertificatePage, ask("GET", filtered("/v1/certificates", person, everything)))
        found = page.certificates
        if output == "table":
            print_table(_TITLES, [_row(each) for each in found])
        else:
            print_json([each.model_dump(mode="json") for each in found], lines=output == "jsonl")
        return 0

    return signed_in(gateway, token_file, work)


def revoke_certificate(gateway: str, token_file: Path | None, serial: str) -> int:
    if not (serial.isascii() and serial.isdigit()):
        return complain("A certificate is named by its serial number; see: hoop-tui certificates ls", 2)

    def work(ask: Ask) -> int:
        ask("DELETE", f"/v1/certificates/{serial}")
        hint(f"certificate {serial} is revoked")
        return 0

    return signed_in(gateway, token_file, work)


def _row(certificate: CertificateSummary) -> tuple[str, ...]:
    return (
        certificate.serial,
        certificate.person,
        certificate.fingerprint,
        minute_time(certificate.expires_at, "utc"),
        certificate.address,
        "revoked" if certificate.revoked else "",
    )
