// A person signs in for clients in a real Firefox, over WebDriver BiDi: callbacks that redirect on to another
// origin, to a scheme of an application's own and from one name of a site to another; in the address and
// in a form, after either button, with and without JavaScript; and in a pop-up.
//
// Usage: node firefox.mjs ISSUER LOGIN PASSWORD WEB_CLIENT POST_CLIENT PROFILE_FOLDER
// Both clients have the redirect URIs http://localhost:PORT/cb and http://shop.localhost:PORT/cb of the
// application that is started here on the port in APP_PORT.
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { application as listen } from "./application.mjs";

const [issuer, login, password, web, post, profiles] = process.argv.slice(2);
const port = Number(process.env.APP_PORT);
const origin = `http://localhost:${port}`;
const application = await listen(port);
const { got, handed } = application;
// How long a thing may take before it is taken for hung; a busy machine is slow, not wrong.
const patience = 120_000;
const scheme = "com.example.app";

let at = "";
const expect = (condition, what) => {
  if (!condition) throw new Error(`${at}: ${what}`);
};

// A page of the application handles the scheme, so that what Firefox hands over can be read here.
async function firefox(name, preferences) {
  const userDataDir = `${profiles}/${name}`;
  mkdirSync(userDataDir, { recursive: true });
  const handler = { name: "app", uriTemplate: `${origin}/handed?address=%s` };
  writeFileSync(`${userDataDir}/handlers.json`, JSON.stringify({
    defaultHandlersVersion: {}, mimeTypes: {}, isDownloadsImprovementsAlreadyMigrated: true,
    schemes: { [scheme]: { action: 2, ask: false, handlers: [handler] } },
  }));
  return puppeteer.launch({
    browser: "firefox", protocol: "webDriverBiDi", headless: true, timeout: patience,
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr", userDataDir,
    extraPrefsFirefox: {
      // The question whether the site may open the application, which only a person can answer.
      "security.external_protocol_requires_permission": false,
      ...preferences,
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

const press = async (page, selector) => {
  await page.waitForSelector(selector);
  await page.click(selector);
};

async function signIn(page) {
  await page.waitForSelector("#password");
  await page.type("#login", login);
  await page.type("#password", password);
  await press(page, "button[type=submit]");
}

// Where the callback is, where it redirects to, and how one sees that the browser got there.
const site = `http://www.shop.localhost:${port}/home`;
const elsewhere = `http://127.0.0.1:${port}/home`;
const app = `${scheme}://done`;
const ways = [
  ["another origin", `${origin}/cb`, elsewhere, (page) => page.url() === elsewhere],
  ["another name of the site", `http://shop.localhost:${port}/cb`, site, (page) => page.url() === site],
  ["a scheme of an application's own", `${origin}/cb`, app, () => handed.at(-1) === app],
];

async function arrives(page, { client, mode, script, callback, prompt, arrived }) {
  const before = got.length;
  handed.length = 0;
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
  const browser = await firefox(`script-${script}`, { "javascript.enabled": script });
  const page = await open(browser);
  for (const [name, callback, target, arrived] of ways) {
    for (const mode of ["query", "form_post"]) {
      const client = mode === "query" ? web : post;
      // After the button that allows, and after the one that signs in.
      for (const prompt of ["login consent", "login"]) {
        at = `${name}, ${mode}, ${prompt}, ${script ? "with" : "without"} JavaScript`;
        application.sendOn = target;
        await arrives(page, { client, mode, script, callback, prompt, arrived });
      }
    }
  }
  if (script) {
    at = "a pop-up";
    application.sendOn = `${origin}/popup`;
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
