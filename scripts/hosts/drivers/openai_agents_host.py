import asyncio

from agents import Agent, Runner, set_default_openai_client, set_tracing_disabled
from agents.mcp import MCPServerStdio
from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from openai import AsyncOpenAI


async def main() -> None:
    set_tracing_disabled(disabled=True)
    set_default_openai_client(AsyncOpenAI(base_url=f"{MODEL}/v1", api_key="played"), use_for_tracing=False)
    async with MCPServerStdio(params={"command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT}) as server:
        agent = Agent(name="host", model="played", mcp_servers=[server])
        await Runner.run(agent, PROMPT, max_turns=STEPS)


asyncio.run(main())
