"""All detectors by name, in order of precedence: of two secrets that begin at one byte the first labels it.

To add one: write its module, add it here, label examples in tests/masking, describe it in docs/masking.md.
"""

from gateway.masking.card import CARD
from gateway.masking.cloud_key import CLOUD_KEY
from gateway.masking.detector import Detector
from gateway.masking.email import EMAIL
from gateway.masking.jwt import JWT
from gateway.masking.password import PASSWORD
from gateway.masking.private_key import PRIVATE_KEY

DETECTORS: dict[str, Detector] = {
    detector.name: detector for detector in (PRIVATE_KEY, JWT, CLOUD_KEY, CARD, PASSWORD, EMAIL)
}
