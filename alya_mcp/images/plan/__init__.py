"""The plan for a model on this machine, from the machine's devices and the size of the weights."""

from alya_mcp.images.plan.choose import MAIN_SPARE, PINNED, Plan, choose_plan, plans
from alya_mcp.images.plan.machine import Device, Machine, survey
from alya_mcp.images.plan.sizes import weigh

__all__ = [
    "MAIN_SPARE",
    "PINNED",
    "Device",
    "Machine",
    "Plan",
    "choose_plan",
    "plans",
    "survey",
    "weigh",
]
