"""The command `alya-mcp`: a server when a client starts it, a command line when a user does."""

import os
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
    from alya_mcp.runtime.environment import unfilled
    from alya_mcp.settings import tidy

    placeholders = tidy(os.environ)
    if sys.stderr is not None and arguments[:1] != ["doctor"]:
        sys.stderr.writelines(f"alya-mcp: {each}\n" for each in unfilled(placeholders))
    completes = bool(os.environ.get("_ALYA_MCP_COMPLETE"))  # a shell asks, and gives the words elsewhere
    if not completes and (not arguments or arguments[0] == "serve"):
        from alya_mcp.cli.serve import main as serve

        serve(arguments[1:])
    elif arguments[:1] == ["--run-module"]:
        _run_module(arguments[1] if len(arguments) > 1 else "")
    else:
        from alya_mcp.cli.main import main as command_line

        command_line(placeholders)


def _run_module(name: str) -> None:
    """Be one of the processes that `runtime.python_process` starts."""
    from alya_mcp.runtime.frozen import hold_unpacked

    hold_unpacked()
    del sys.argv[1:3]
    match name:
        case "alya_mcp.storage.link_server":
            from alya_mcp.storage.link_server import main as run
        case "alya_mcp.tools.youtube.video.ffmpeg_child":
            from alya_mcp.tools.youtube.video.ffmpeg_child import main as run
        case "alya_mcp.tools.youtube.video.voices.kokoro_child":
            from alya_mcp.tools.youtube.video.voices.kokoro_child import main as run
        case "alya_mcp.images.worker.main":
            from alya_mcp.images.worker.main import main as run
        case "alya_mcp.notify.main":
            from alya_mcp.notify.main import main as run
        case "alya_mcp.images.file_process":
            from alya_mcp.images.file_process import main as run
        case "alya_mcp.images.weights.child":
            from alya_mcp.images.weights.child import main as run
        case "alya_mcp.app.diagnostics.probe":
            from alya_mcp.app.diagnostics.probe import main as run
        case "alya_mcp.images.bench.baseline":
            from alya_mcp.images.bench.baseline import main as run
        case _:
            sys.stderr.write(f"Error: --run-module: {name!r} is not a module that alya-mcp runs by itself\n")
            sys.exit(2)
    run()


if __name__ == "__main__":
    main()
