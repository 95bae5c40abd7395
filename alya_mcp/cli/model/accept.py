"""`alya-mcp model accept`: accepts a licence that allows no commercial use."""

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show_json, show_table
from alya_mcp.settings import Settings


@click.command(short_help="Accept a model's non-commercial licence.")
@click.argument("name", metavar="MODEL")
@output_option
def accept(name: str, output: OutputFormat) -> int:
    """Accept the licence of MODEL, which allows no commercial use, so that alya-mcp draws with it.

    Read the licence first, at the address that is shown. Models under Apache-2.0 need no acceptance. It is
    noted in ALYA_HOME, in accepted-licences.json; removing the model's entry there takes it back.

    \b
    Example:
      alya-mcp model accept flux2-klein-9b

    Exit codes: 0 accepted, 2 wrong usage.
    """
    from alya_mcp.images.licences import accept as note
    from alya_mcp.images.licences import licensed, to_accept

    model = licensed(name)
    if model is None:
        names = ", ".join(to_accept())
        raise click.UsageError(f"MODEL is {name!r:.80}; what can be accepted is: {names}")
    settings = Settings.from_environment()
    if not model.licence.commercial:
        note(settings.home, model)
    fields = {"model": model.name, "licence": model.licence.name, "url": model.licence.url}
    if output == "json":
        show_json(fields)
    else:
        show_table([*fields.items(), ("to get it", f"alya-mcp model pull {model.setting}")])
        if model.licence.commercial:
            say("Note: this licence needs no acceptance.")
    return 0
