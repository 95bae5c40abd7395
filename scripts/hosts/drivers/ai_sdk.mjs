import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as StdioTransport } from "@ai-sdk/mcp/mcp-stdio";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs } from "ai";
import { args, command, env, model, prompt, steps } from "./given.mjs";

const client = await createMCPClient({ transport: new StdioTransport({ command, args, env }) });
try {
  const played = createOpenAICompatible({ name: "played", baseURL: `${model}/v1`, apiKey: "played" });
  await generateText({
    model: played("played"), tools: await client.tools(), prompt, stopWhen: stepCountIs(steps),
  });
} finally {
  await client.close();
}
