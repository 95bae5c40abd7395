import asyncio

import dspy
from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from mcp import ClientSession, StdioServerParameters, stdio_client


async def main() -> None:
    dspy.configure(lm=dspy.LM("openai/played", api_base=f"{MODEL}/v1", api_key="played", cache=False))
    server = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        tools = [dspy.Tool.from_mcp_tool(session, each) for each in (await session.list_tools()).tools]
        await dspy.ReAct("request -> answer", tools=tools, max_iters=STEPS).acall(request=PROMPT)


asyncio.run(main())
