import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Agent } from "@mastra/core/agent";
import { MCPClient } from "@mastra/mcp";
import { args, command, env, model, prompt, steps } from "./given.mjs";

const client = new MCPClient({ servers: { alya: { command, args, env } } });
try {
  const played = createOpenAICompatible({ name: "played", baseURL: `${model}/v1`, apiKey: "played" });
  const agent = new Agent({
    id: "host", name: "host", instructions: "Do what is asked.", model: played("played"),
    tools: await client.listTools(),
  });
  await agent.generate(prompt, { maxSteps: steps });
} finally {
  await client.disconnect();
}
