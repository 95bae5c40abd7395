"""One server's side in a process of its own: draws a prompt, says what it got, and stays until stdin ends."""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

from stage import staged_command

from alya_mcp.images.engine import Job, JobProgress
from alya_mcp.images.local import LocalEngine
from alya_mcp.settings import Settings


def say(words: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


async def main() -> None:
    home, model, prompt, side, linger = sys.argv[1:]
    engine = LocalEngine(
        Settings(home=Path(home), image_model=model, image_linger=float(linger)), command=staged_command()
    )

    async def progress(step: JobProgress) -> None:
        say({"phase": step.phase})

    job = Job(prompt=prompt, seed=1, steps=2, width=int(side), height=int(side))
    picture = await engine.render(job, progress)
    status = await engine.status()
    say({"digest": hashlib.sha256(picture.pixels).hexdigest(), "pid": status.pid})
    await asyncio.to_thread(sys.stdin.read)
    await engine.aclose()


if __name__ == "__main__":
    asyncio.run(main())
