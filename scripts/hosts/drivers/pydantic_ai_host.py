import asyncio

from fastmcp.client.transports import StdioTransport
from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


async def main() -> None:
    server = MCPToolset(StdioTransport(COMMAND, ARGUMENTS, env=ENVIRONMENT))
    provider = OpenAIProvider(base_url=f"{MODEL}/v1", api_key="played")
    agent = Agent(OpenAIChatModel("played", provider=provider), toolsets=[server])
    async with agent:
        await agent.run(PROMPT)


asyncio.run(main())
