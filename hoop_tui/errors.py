"""What can go wrong between the app and a gateway. Each carries one plain sentence and an exit code.

    GatewayTrouble   1
    |-- NotSignedIn  3   no token, or the gateway does not know it
    |-- NotFound     7
    |-- Unreachable  9   no connection, no answer, a broken line
    |-- Garbled      1   an answer that can not be understood
    `-- ServerSaid   1   any other refusal; 4 where it forbids, 6 where it is over, 8 where things
                     changed, 2 where it makes no sense

Sentences may quote the gateway, so they go through `safe_text` like everything else before they are shown.
"""


class GatewayTrouble(Exception):
    """Base of everything a `GatewayClient` raises."""

    exit_code = 1
    is_answer = True
    """The gateway has said so; else nobody knows what became of what it was asked for."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotSignedIn(GatewayTrouble):
    """Who are you?"""

    exit_code = 3


class NotFound(GatewayTrouble):
    """No such session, or none that this person may see."""

    exit_code = 7


class Unreachable(GatewayTrouble):
    """The gateway can not be reached now; trying later may help."""

    exit_code = 9
    is_answer = False


class Garbled(GatewayTrouble):
    """The answer makes no sense: another version, or not a gateway at all."""

    is_answer = False


class ServerSaid(GatewayTrouble):
    """The gateway refused, in its own words."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status
        self.is_answer = status < 500  # what stands before a gateway may say that, whatever that has done
        self.exit_code = {403: 4, 409: 8, 410: 6, 422: 2}.get(status, 1)
