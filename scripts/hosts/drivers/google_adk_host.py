import asyncio
import os

from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT

os.environ |= {"GOOGLE_GEMINI_BASE_URL": MODEL, "GOOGLE_API_KEY": "played"}

from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams
from google.genai import types
from mcp import StdioServerParameters


async def main() -> None:
    server = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
    tools = McpToolset(connection_params=StdioConnectionParams(server_params=server))
    agent = LlmAgent(name="host", model="gemini-2.5-flash", tools=[tools])
    runner = InMemoryRunner(agent=agent, app_name="host")
    session = await runner.session_service.create_session(app_name="host", user_id="user")
    asked = types.Content(role="user", parts=[types.Part(text=PROMPT)])
    async for _ in runner.run_async(user_id="user", session_id=session.id, new_message=asked):
        pass
    await tools.close()


asyncio.run(main())
