"""The command `alya-mcp`: a server when a client starts it, a command line for a person."""

import sys


def main() -> None:
    """Run the command that the arguments name; without any, serve. Ctrl-C ends with 130, at any moment."""
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:  # while the command was still being loaded; one that runs ends by itself
        if sys.stderr is not None:
            sys.stderr.write("Stopped.\n")
        sys.exit(130)


def _run(arguments: list[str]) -> None:
    if not arguments or arguments[0] == "serve":
        from alya_mcp.cli.serve import main as serve

        serve(arguments[1:])
    else:
        from alya_mcp.cli.main import main as command_line

        command_line()


if __name__ == "__main__":
    main()
