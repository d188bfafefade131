// oidc-client-ts in a real Chromium, on another origin than Signet: log in, look, refresh silently, in
// several tabs at once, log out.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { expect } from "./pages.mjs";

const { issuer, login, password, clients, port } = JSON.parse(process.env.SIGNET);
const library = readFileSync(
  createRequire(import.meta.url).resolve("oidc-client-ts").replace(/umd.*$/, "browser/oidc-client-ts.min.js"),
);
const origin = `http://localhost:${port}`;
const script = `
  const manager = new oidc.UserManager({
    authority: ${JSON.stringify(issuer)}, client_id: ${JSON.stringify(clients.tabs.client_id)},
    redirect_uri: "${origin}/callback", post_logout_redirect_uri: "${origin}/",
    scope: "openid profile", loadUserInfo: true, automaticSilentRenew: false,
    userStore: new oidc.WebStorageStateStore({ store: localStorage }),
  });
  window.manager = manager;
  const say = (text) => { document.querySelector("#said").textContent = text; };
  (async () => {
    if (location.pathname === "/callback") {
      const user = await manager.signinRedirectCallback();
      history.replaceState(null, "", "/");
      say("in as " + user.profile.preferred_username);
    } else {
      const user = await manager.getUser();
      say(user ? "in as " + user.profile.preferred_username : "out");
    }
  })().catch((error) => say("failed: " + error));
`;
const server = createServer((request, response) => {
  const path = new URL(request.url, origin).pathname;
  if (path === "/oidc.js") {
    response.writeHead(200, { "content-type": "text/javascript" });
    response.end(library);
  } else if (path === "/app.js") {
    response.writeHead(200, { "content-type": "text/javascript" });
    response.end(script);
  } else {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>app</title><p id=said></p><script src=/oidc.js></script><script src=/app.js></script>");
  }
});
await new Promise((ready) => server.listen(port, "localhost", ready));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const context = await browser.newContext();
const problems = [];
const open = async () => {
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && !/favicon|status of 404/.test(message.text()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  return page;
};
const said = (page, text) => page.waitForFunction(
  (wanted) => document.querySelector("#said")?.textContent.startsWith(wanted), text, { timeout: 15_000 },
);

try {
  const page = await open();
  await page.goto(origin);
  await said(page, "out");
  await page.evaluate(() => { window.manager.signinRedirect(); });
  await page.waitForSelector("#password");
  await page.fill("#login", login);
  await page.fill("#password", password);
  await page.click("button[type=submit]");
  await page.click("button[value=allow]");
  await said(page, `in as ${login}`);

  // Silent renewal with the refresh token, again and again.
  for (let round = 0; round < 3; round += 1) {
    const [before, after] = await page.evaluate(async () => {
      const before = (await window.manager.getUser()).access_token;
      return [before, (await window.manager.signinSilent()).access_token];
    });
    expect(before !== after, "the token was not renewed");
  }
  // Several tabs of one application at the same moment, without any agreement between them.
  const tabs = await Promise.all([open(), open(), open()]);
  for (const tab of tabs) {
    await tab.goto(origin);
    await said(tab, `in as ${login}`);
  }
  for (let round = 0; round < 3; round += 1) {
    const users = await Promise.all(tabs.map((tab) => tab.evaluate(async () => {
      const user = await window.manager.signinSilent();
      return user.profile.sub;
    })));
    expect(new Set(users).size === 1, "somebody else");
  }
  // And all of them are still logged in.
  for (const tab of [page, ...tabs]) {
    await tab.reload();
    await said(tab, `in as ${login}`);
    await tab.evaluate(() => window.manager.signinSilent());
  }
  await page.evaluate(() => { window.manager.signoutRedirect(); });
  await page.waitForURL(`${origin}/`);
  await said(page, "out");
  await page.evaluate(() => { window.manager.signinRedirect(); });
  await page.waitForSelector("#password");
  expect(problems.length === 0, problems.join("\n"));
} catch (error) {
  console.error(error, problems);
  process.exitCode = 1;
}
await browser.close();
server.close();
