import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent } from "langchain";
import { args, command, env, model, prompt, steps } from "./given.mjs";

const client = new MultiServerMCPClient({ mcpServers: { alya: { transport: "stdio", command, args, env } } });
try {
  const played = new ChatOpenAI({
    model: "played", apiKey: "played", configuration: { baseURL: `${model}/v1` }, maxRetries: 0,
  });
  const agent = createAgent({ model: played, tools: await client.getTools() });
  await agent.invoke({ messages: prompt }, { recursionLimit: 4 * steps });
} finally {
  await client.close();
}
