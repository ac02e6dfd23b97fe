"""The route about machines: which there are, who answers for each, and which want looking after."""

from fastapi import APIRouter

from gateway.api.callers import Caller
from gateway.api.rights import Action, may
from gateway.api.schema import MachinePage
from gateway.api.services import Services

router = APIRouter(prefix="/machines", tags=["machines"])


@router.get("")
async def list_machines(who: Caller, services: Services) -> MachinePage:
    """The machines you may know of, by name: all of them, or those that you answer for."""
    shown = [
        machine for machine in await services.machines() if may(who, Action.LIST_MACHINES, machine.owner)
    ]
    return MachinePage(machines=sorted(shown, key=lambda machine: machine.name))
