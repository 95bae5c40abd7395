// A client's window around the page of a picture: the official bridge of MCP Apps (@modelcontextprotocol/ext-apps).
// `callTool` is given by the test, and asks a real server.
import { AppBridge, PostMessageTransport, buildAllowAttribute } from "@modelcontextprotocol/ext-apps/app-bridge";

window.seen = { links: [], told: [], calls: [] };

// The policy that the specification has a client build from what a page declares. `images` stands in for a
// client that takes no images but from the declared addresses.
function policy(csp, images) {
  const resources = (csp.resourceDomains ?? []).join(" ");
  return [
    "default-src 'none'", "script-src 'self' 'unsafe-inline'", "style-src 'self' 'unsafe-inline'",
    `img-src ${images} ${resources}`, "connect-src 'none'", "object-src 'none'", "base-uri 'self'", "frame-src 'none'",
  ].join("; ");
}

const ABLE = { openLinks: {}, serverTools: {}, updateModelContext: { text: {} } };

window.showPage = async ({ page, input, result, theme, images = "'self' data:", able = ABLE }) => {
  const frame = document.createElement("iframe");
  frame.title = "The page of a picture";
  frame.style = "width: 600px; height: 100px; border: 0";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.setAttribute("allow", buildAllowAttribute(page._meta.ui.permissions));
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policy(page._meta.ui.csp, images)}">`;
  frame.srcdoc = page.text.replace("<head>", `<head>${meta}`);
  document.body.replaceChildren(frame);

  const bridge = new AppBridge(null, { name: "page host", version: "1" }, able, {
    hostContext: { theme, displayMode: "inline", availableDisplayModes: ["inline"] },
  });
  bridge.onopenlink = async ({ url }) => {
    window.seen.links.push(url);
    return {};
  };
  bridge.oncalltool = async (params) => {
    window.seen.calls.push(params);
    return JSON.parse(await window.callTool(JSON.stringify(params)));
  };
  bridge.onupdatemodelcontext = async (params) => {
    window.seen.told.push(params);
    return {};
  };
  bridge.onsizechange = ({ height }) => {
    frame.style.height = `${height}px`;
  };
  const begun = new Promise((resolve) => {
    bridge.oninitialized = resolve;
  });
  window.theme = (name) => bridge.sendHostContextChange({ theme: name });
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  await begun;
  await bridge.sendToolInput({ arguments: input });
  await bridge.sendToolResult(result);
};
