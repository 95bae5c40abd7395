import asyncio

from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


async def main() -> None:
    client = BasicMCPClient(COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    tools = await McpToolSpec(client=client).to_tool_list_async()
    model = OpenAILike(
        model="played",
        api_base=f"{MODEL}/v1",
        api_key="played",
        is_chat_model=True,
        is_function_calling_model=True,
    )
    agent = FunctionAgent(tools=tools, llm=model, timeout=None)
    await agent.run(PROMPT, max_iterations=STEPS)


asyncio.run(main())
