from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS
from mcp import StdioServerParameters
from smolagents import MCPClient, OpenAIModel, ToolCallingAgent

server = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
with MCPClient(server, structured_output=False) as tools:
    model = OpenAIModel(model_id="played", api_base=f"{MODEL}/v1", api_key="played")
    ToolCallingAgent(tools=tools, model=model, max_steps=STEPS).run(PROMPT)
