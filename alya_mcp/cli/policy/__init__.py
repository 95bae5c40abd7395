"""`alya-mcp policy`: checks, explains, tests, replays and begins a policy; a command a module."""

import click

from alya_mcp.cli.policy.check import check
from alya_mcp.cli.policy.explain import explain
from alya_mcp.cli.policy.init import init
from alya_mcp.cli.policy.replay import replay
from alya_mcp.cli.policy.test import test


@click.group(short_help="Check, explain, test, replay or begin a policy.")
def policy() -> None:
    """Find out what a policy does before anyone is held by it, and begin one."""


for each in (check, explain, test, replay, init):
    policy.add_command(each)
