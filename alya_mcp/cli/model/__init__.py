"""`alya-mcp model`: the models that draw; a command a module."""

import click

from alya_mcp.cli.model.accept import accept
from alya_mcp.cli.model.bench import bench
from alya_mcp.cli.model.pull import pull
from alya_mcp.cli.model.status import status


@click.group(short_help="Bring a model here, see what draws and how, measure it.")
def model() -> None:
    """Bring a model's weights to this machine, see what draws here and how, and measure it."""


model.add_command(pull)
model.add_command(accept)
model.add_command(status)
model.add_command(bench)
