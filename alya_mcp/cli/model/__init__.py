"""`alya-mcp model`: the models that draw; a command a module."""

import click

from alya_mcp.cli.model.bench import bench
from alya_mcp.cli.model.pull import pull


@click.group(short_help="Bring a model's weights to this machine.")
def model() -> None:
    """Bring a model's weights to this machine and check them."""


model.add_command(pull)
model.add_command(bench)
