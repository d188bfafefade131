// A block of the README as the script of a page, in a real Chromium: prints its console output after the
// user has signed in and consented.
//
// Usage: node readme-spa.mjs BLOCK ORIGIN LOGIN PASSWORD
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [block, origin, login, password] = process.argv.slice(2);
const file = (name) => readFileSync(fileURLToPath(import.meta.resolve(name)));
const scripts = {
  "/app.js": readFileSync(block),
  "/oidc-client-ts.js": file("oidc-client-ts"),
  "/jwt-decode.js": file("jwt-decode"),
};
const html = `<!doctype html><html lang="en"><title>app</title><link rel="icon" href="data:,">
<script type="importmap">{"imports":{"oidc-client-ts":"/oidc-client-ts.js","jwt-decode":"/jwt-decode.js"}}</script>
<script type="module" src="/app.js"></script><h1>app</h1></html>`;
const app = createServer((request, response) => {
  const script = scripts[new URL(request.url, origin).pathname];
  response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
  response.end(script ?? html);
});
await new Promise((ready) => app.listen(new URL(origin).port, "localhost", ready));

const patience = 120_000;
const browser = await chromium.launch({
  timeout: patience,
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  const said = new Promise((done, failed) => {
    page.on("console", (message) => {
      if (message.type() === "log") done(message.text());
      else console.error(message.text());
    });
    page.on("pageerror", failed);
  });
  await page.goto(`${origin}/`);
  await page.fill("#login", login);
  await page.fill("#password", password);
  await page.click("button[type=submit]");
  await page.click("button[value=allow]");
  console.log(await said);
} finally {
  await browser.close();
  app.close();
}
