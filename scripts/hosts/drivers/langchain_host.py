import asyncio

from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_openai import ChatOpenAI


async def main() -> None:
    server = {"transport": "stdio", "command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT}
    tools = await MultiServerMCPClient({"alya": server}).get_tools()
    model = ChatOpenAI(model="played", base_url=f"{MODEL}/v1", api_key="played")
    agent = create_agent(model, tools)
    await agent.ainvoke({"messages": PROMPT}, {"recursion_limit": 4 * STEPS})


asyncio.run(main())
