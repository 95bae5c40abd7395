import os

from given import ARGUMENTS, COMMAND, ENVIRONMENT, MODEL, PROMPT, STEPS

os.environ |= {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "OTEL_SDK_DISABLED": "true",
    "CREWAI_TRACING_ENABLED": "false",
}

from crewai import LLM, Agent, Crew, Task
from crewai_tools import MCPServerAdapter
from mcp import StdioServerParameters

server = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env={**os.environ, **ENVIRONMENT})
with MCPServerAdapter(server) as tools:
    model = LLM(model="openai/gpt-4o", base_url=f"{MODEL}/v1", api_key="played")
    agent = Agent(
        role="host", goal="Do what is asked", backstory="A host", llm=model, tools=tools, max_iter=STEPS
    )
    task = Task(description=PROMPT, expected_output="What was asked for", agent=agent)
    Crew(agents=[agent], tasks=[task]).kickoff()
