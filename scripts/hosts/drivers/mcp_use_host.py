import asyncio

from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from langchain_openai import ChatOpenAI
from mcp_use import MCPAgent, MCPClient


async def main() -> None:
    server = {"command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT}
    client = MCPClient.from_dict({"mcpServers": {"alya": server}})
    model = ChatOpenAI(model="played", base_url=f"{MODEL}/v1", api_key="played")
    await MCPAgent(llm=model, client=client, max_steps=STEPS).run(PROMPT)


asyncio.run(main())
