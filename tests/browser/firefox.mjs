// A user signs in for clients in a real Firefox, over WebDriver BiDi: callbacks that redirect to another
// origin, to a custom scheme and from one name of a site to another; in the address and
// in a form, after either button, with and without JavaScript; and in a pop-up.
//
// Usage: node firefox.mjs ISSUER LOGIN PASSWORD WEB_CLIENT POST_CLIENT PROFILE_FOLDER
// Both clients have the redirect URIs http://localhost:PORT/cb and http://shop.localhost:PORT/cb of the
// application that is started here on the port in APP_PORT. Twelve combinations, in which every two of
// place, mode, button and JavaScript meet; with FLOWS=all every combination. Firefox does not apply
// `form-action` to redirects, as Chromium does, but to the address in a form.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { application as listen } from "./application.mjs";

const [issuer, login, password, web, post, profiles] = process.argv.slice(2);
const port = Number(process.env.APP_PORT);
const origin = `http://localhost:${port}`;
const application = await listen(port);
const { got } = application;
// The URLs that Firefox passed to the application of the scheme, one per line.
const handedTo = `${profiles}/handed`;
const handed = () => (existsSync(handedTo) ? readFileSync(handedTo, "utf8").trim().split("\n") : []);
// The time after which a step counts as hung; generous, because the machine may be busy.
const patience = 120_000;
const scheme = "com.example.app";

let at = "";
const expect = (condition, what) => {
  if (!condition) throw new Error(`${at}: ${what}`);
};

// A program handles the scheme and records the URLs that Firefox passes to it.
async function firefox(script) {
  const userDataDir = `${profiles}/script-${script}`;
  mkdirSync(userDataDir, { recursive: true });
  const program = `${userDataDir}/handler.sh`;
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$1" >>"${handedTo}"\n`, { mode: 0o755 });
  const handler = { name: "app", path: program };
  writeFileSync(`${userDataDir}/handlers.json`, JSON.stringify({
    defaultHandlersVersion: {}, mimeTypes: {}, isDownloadsImprovementsAlreadyMigrated: true,
    schemes: { [scheme]: { action: 2, ask: false, handlers: [handler] } },
  }));
  return puppeteer.launch({
    browser: "firefox", protocol: "webDriverBiDi", headless: true, timeout: patience,
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr", userDataDir,
    extraPrefsFirefox: {
      // The prompt whether the site may open the application, which only a user can answer.
      "security.external_protocol_requires_permission": false,
      "javascript.enabled": script,
      [`network.protocol-handler.external.${scheme}`]: true,
    },
  });
}

function request(client, callback, more) {
  const verifier = randomBytes(48).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const params = new URLSearchParams({
    client_id: client, redirect_uri: callback, response_type: "code", scope: "openid profile",
    state: "st", nonce: "no", code_challenge: challenge, code_challenge_method: "S256", ...more,
  });
  return `${issuer}/oauth2/authorize?${params}`;
}

async function until(what, done) {
  const end = Date.now() + patience;
  while (!await done()) {
    expect(Date.now() < end, what());
    await new Promise((next) => setTimeout(next, 20));
  }
}

async function open(browser) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  return page;
}

// Puppeteer's own waits run a script in the page, which may be disabled: single queries and clicks on coordinates work
// without.
async function found(page, selector) {
  const there = () => page.$(selector).then(Boolean, () => false);
  await until(() => `no ${selector} at ${page.url()}`, there);
}

async function press(page, selector) {
  await found(page, selector);
  const [x, y] = await page.$eval(selector, (element) => {
    element.scrollIntoView();
    const { left, top, width, height } = element.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  });
  await page.mouse.click(x, y);
}

async function signIn(page) {
  await found(page, "#password");
  // A real click; typing letter by letter would take most of the time.
  for (const [selector, text] of [["#login", login], ["#password", password]]) {
    await page.$eval(selector, (field, value) => { field.value = value; }, text);
  }
  await press(page, "button[type=submit]");
}

// The callback, the target of its redirect, and the evidence that the browser arrived there.
const site = `http://www.shop.localhost:${port}/home`;
const elsewhere = `http://127.0.0.1:${port}/home`;
const app = `${scheme}://done`;
const ways = [
  ["another origin", `${origin}/cb`, elsewhere, (page) => page.url() === elsewhere],
  ["another name of the site", `http://shop.localhost:${port}/cb`, site, (page) => page.url() === site],
  ["a scheme of an application's own", `${origin}/cb`, app, () => handed().at(-1) === app],
];

async function arrives(page, { client, mode, script, callback, prompt, arrived }) {
  const before = got.length;
  rmSync(handedTo, { force: true });
  await page.goto(request(client, callback, { response_mode: mode, prompt }));
  await signIn(page);
  if (prompt.includes("consent")) await press(page, "button[value=allow]");
  if (mode === "form_post" && !script) await press(page, `form[action="${callback}"] button`);
  await until(() => `stays at ${page.url()} after ${got.length - before} callbacks`, () => arrived(page));
  const { method, host, url, body } = got.at(-1);
  expect(got.length === before + 1, `${got.length - before} callbacks`);
  expect(host === new URL(callback).host, `the callback was at ${host}`);
  const answer = mode === "query" ? method === "GET" && url : method === "POST" && body;
  expect(/code=sac_/.test(answer), `no code: ${method} ${url}`);
}

for (const script of [true, false]) {
  const browser = await firefox(script);
  if (script) {
    // Consent is remembered, so that the button that signs in is the last one below.
    at = "a form without a redirect";
    const callback = `${origin}/cb`;
    const arrived = (page) => page.url() === callback;
    const prompt = "login consent";
    await arrives(await open(browser), { client: post, mode: "form_post", script, callback, prompt, arrived });
  }
  for (const [name, callback, target, arrived] of ways) {
    for (const mode of ["query", "form_post"]) {
      const client = mode === "query" ? web : post;
      // After the button that allows the request, and after the one that signs in.
      for (const prompt of ["login consent", "login"]) {
        const sampled = (mode === "query") === ((prompt === "login") !== script);
        if (!sampled && process.env.FLOWS !== "all") continue;
        at = `${name}, ${mode}, ${prompt}, ${script ? "with" : "without"} JavaScript`;
        application.sendOn = target;
        // After an address was passed to an application, the page cannot navigate: Firefox considers it as still loading.
        const page = await open(browser);
        await arrives(page, { client, mode, script, callback, prompt, arrived });
        await page.browserContext().close();
      }
    }
  }
  if (script) {
    at = "a pop-up";
    application.sendOn = `${origin}/popup`;
    const page = await open(browser);
    await page.goto(`${origin}/opener`);
    const opened = new Promise((resolve) => { page.once("popup", resolve); });
    const told = page.evaluate((url) => new Promise((resolve) => {
      addEventListener("message", (event) => resolve(event.data));
      window.open(url, "sign-in", "width=500,height=700");
    }), request(web, `${origin}/cb`, { prompt: "login consent" }));
    const popup = await opened;
    popup.setDefaultTimeout(patience);
    await signIn(popup);
    await press(popup, "button[value=allow]");
    expect((await told) === "", "the opener was not told");
  }
  await browser.close();
}
application.close();
