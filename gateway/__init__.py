"""The access gateway: everything toward a target passes `admit`, everything toward a person passes `reveal`."""

__version__ = "0.1.0"
