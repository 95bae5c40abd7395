from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from haystack_integrations.tools.mcp import MCPToolset, StdioServerInfo

tools = MCPToolset(server_info=StdioServerInfo(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT))
model = OpenAIChatGenerator(model="played", api_base_url=f"{MODEL}/v1", api_key=Secret.from_token("played"))
agent = Agent(chat_generator=model, tools=tools, max_agent_steps=STEPS)
agent.run(messages=[ChatMessage.from_user(PROMPT)])
tools.close()
