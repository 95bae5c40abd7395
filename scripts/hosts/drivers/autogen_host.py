import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams
from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS


async def main() -> None:
    model = OpenAIChatCompletionClient(
        model="played",
        base_url=f"{MODEL}/v1",
        api_key="played",
        model_info={
            "vision": True, "function_calling": True, "json_output": False, "structured_output": False,
            "family": "unknown",
        },
    )  # fmt: skip
    server = StdioServerParams(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    async with McpWorkbench(server) as workbench:
        agent = AssistantAgent("host", model_client=model, workbench=workbench, max_tool_iterations=STEPS)
        await agent.run(task=PROMPT)


asyncio.run(main())
