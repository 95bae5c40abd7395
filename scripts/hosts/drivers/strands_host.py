from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT
from mcp import StdioServerParameters, stdio_client
from strands import Agent
from strands.models.openai import OpenAIModel
from strands.tools.mcp import MCPClient

server = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=ENVIRONMENT)
with MCPClient(lambda: stdio_client(server)) as client:
    model = OpenAIModel(
        client_args={"base_url": f"{MODEL}/v1", "api_key": "played"}, model_id="played", params={}
    )
    Agent(model=model, tools=client.list_tools_sync(), callback_handler=None)(PROMPT)
