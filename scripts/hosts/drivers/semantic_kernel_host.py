import asyncio

from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from openai import AsyncOpenAI
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.connectors.mcp import MCPStdioPlugin


async def main() -> None:
    client = AsyncOpenAI(base_url=f"{MODEL}/v1", api_key="played")
    async with MCPStdioPlugin(name="alya", command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT) as plugin:
        agent = ChatCompletionAgent(
            name="host",
            service=OpenAIChatCompletion(ai_model_id="played", async_client=client),
            plugins=[plugin],
            function_choice_behavior=FunctionChoiceBehavior.Auto(maximum_auto_invoke_attempts=STEPS),
        )
        await agent.get_response(PROMPT)


asyncio.run(main())
