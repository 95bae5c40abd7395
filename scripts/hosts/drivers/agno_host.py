import asyncio

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.tools.mcp import MCPTools
from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT
from mcp import StdioServerParameters


async def main() -> None:
    server = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    async with MCPTools(server_params=server) as tools:
        model = OpenAIChat(id="played", base_url=f"{MODEL}/v1", api_key="played")
        await Agent(model=model, tools=[tools], telemetry=False).arun(PROMPT)


asyncio.run(main())
