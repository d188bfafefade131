// A user signs in for clients in a real Chromium: with and without JavaScript, by keyboard, from
// another origin, for an app with a custom scheme; and opens the account pages.
//
// Usage: node provider.mjs ISSUER LOGIN PASSWORD WEB_CLIENT APP_CLIENT POST_CLIENT [SCREENSHOT_FOLDER]
// WEB_CLIENT and POST_CLIENT have the redirect URIs http://localhost:PORT/cb and http://shop.localhost:PORT/cb of the
// application that is started here on the port in APP_PORT; APP_CLIENT has com.example.app:/cb.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, patience } from "./chromium.mjs";
import { application as listen } from "./application.mjs";

const [issuer, login, password, web, app, post, folder] = process.argv.slice(2);
const port = Number(process.env.APP_PORT);
const callback = `http://localhost:${port}/cb`;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const problems = [];
let at = "";
const expect = (condition, what) => condition || problems.push(`${at}: ${what}`);

const application = await listen(port);
const { got } = application;
const elsewhere = `http://127.0.0.1:${port}/home`;
const apex = `http://shop.localhost:${port}/cb`;
const www = `http://www.shop.localhost:${port}/home`;

const browser = await launch();

async function open(options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    const harmless = /status of 4\d\d|registered handler|user gesture is required|favicon/;
    if (message.type() === "error" && !harmless.test(message.text())) {
      problems.push(`${at}: console: ${message.text()}`);
    }
  });
  page.on("dialog", (dialog) => problems.push(`${at}: a dialog opened: ${dialog.message()}`));
  return page;
}

function request(client, more = {}) {
  const verifier = randomBytes(48).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const params = new URLSearchParams({
    client_id: client, redirect_uri: callback, response_type: "code", scope: "openid profile",
    state: "st", nonce: "no", code_challenge: challenge, code_challenge_method: "S256", ...more,
  });
  return `${issuer}/oauth2/authorize?${params}`;
}

async function look(page, name) {
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow <= 0, `${name} is ${overflow} px too wide`);
  // Injected by the debugger: the policy of the page refuses the script.
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Runtime.evaluate", { expression: axe });
  const result = await cdp.send("Runtime.evaluate", {
    expression: "axe.run().then((found) => JSON.stringify(found.violations.map((one) => one.id)))",
    awaitPromise: true, returnByValue: true,
  });
  expect(result.result.value === "[]", `${name}: axe found ${result.result.value}`);
  if (folder) await page.screenshot({ path: `${folder}/live-${name}.png`, fullPage: true });
}

const signIn = async (page) => {
  await page.fill("#login", login);
  await page.fill("#password", password);
  await page.click("button[type=submit]");
};
const last = () => got.at(-1);
const arrived = (page) =>
  page.waitForSelector("h1:has-text('arrived')").catch(async () => {
    const text = await page.locator("body").innerText();
    throw new Error(`${at}: not arrived but at ${page.url()}:\n${text}`);
  });

// The complete flow, in both colour schemes, with the smallest and the largest width.
for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1280]) {
    at = `whole way, ${colorScheme}, ${width}`;
    const page = await open({ colorScheme, viewport: { width, height: 800 } });
    // From the application's own page: everything after is a navigation from another origin.
    await page.goto(`http://localhost:${port}/`);
    await page.evaluate((url) => { location.href = url; }, request(web, { prompt: "consent" }));
    await page.waitForSelector("#password");
    await look(page, `login-${colorScheme}-${width}`);
    await page.fill("#login", login);
    await page.fill("#password", "not the password");
    await page.click("button[type=submit]");
    await page.waitForSelector("[role=alert]");
    expect((await page.inputValue("#login")) === login, "the login was not kept");
    await signIn(page);
    await page.waitForSelector("button[value=allow]");
    await look(page, `consent-${colorScheme}-${width}`);
    await page.click("button[value=allow]");
    await arrived(page);
    const answer = new URL(last().url, callback).searchParams;
    expect(answer.get("state") === "st" && answer.get("iss") === issuer, last().url);
    expect(answer.get("code")?.startsWith("sac_"), "no code");
    expect(!last().referer, `the application learnt where people came from: ${last().referer}`);
    await page.goto(`${issuer}/account`);
    await page.waitForSelector("#current_password");
    await look(page, `account-${colorScheme}-${width}`);
    await page.context().close();
  }
}

at = "without JavaScript, by keyboard";
{
  const page = await open({ javaScriptEnabled: false });
  await page.goto(request(web));
  // The first field has the focus; every step works with the keyboard.
  await page.waitForSelector("#login:focus");
  await page.keyboard.type(login);
  await page.keyboard.press("Tab");
  await page.waitForSelector("#password:focus");
  await page.keyboard.type(password);
  await Promise.all([page.waitForLoadState(), page.keyboard.press("Enter")]);
  await arrived(page);
  await page.goto(request(web, { prompt: "none", response_mode: "fragment" }));
  await arrived(page);
  expect(/#code=sac_/.test(page.url()), `no code in the fragment: ${page.url()}`);
  await page.goto(request(post, { response_mode: "form_post", prompt: "consent" }));
  await page.focus("button[value=allow]");
  await page.keyboard.press("Enter");
  await page.waitForSelector("form");
  await page.focus("button");
  await page.keyboard.press("Enter");
  await arrived(page);
  expect(last().method === "POST" && /code=sac_/.test(last().body), "no code in the form");
  expect(!last().url.includes("?"), "the answer was in the address too");
  await page.context().close();
}

at = "a form that sends itself";
{
  const page = await open({});
  await page.goto(request(post, { response_mode: "form_post", prompt: "login consent" }));
  await signIn(page);
  await page.click("button[value=allow]");
  await arrived(page);
  expect(last().method === "POST" && /code=sac_/.test(last().body), "no code in the form");
  await page.context().close();
}

at = "a posted request from another origin";
{
  const page = await open({});
  await page.goto(request(web));
  await signIn(page);
  await arrived(page);
  const asked = new URL(request(web));
  await page.goto(`http://localhost:${port}/`);
  await page.evaluate(([action, fields]) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = action;
    for (const [name, value] of fields) {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  }, [`${issuer}/oauth2/authorize`, [...asked.searchParams]]);
  await page.waitForURL(/\/cb\?code=sac_/);
  await page.context().close();
}

at = "an app with a scheme of its own";
{
  const page = await open({});
  const seen = [];
  page.on("request", (request) => seen.push(request.url()));
  await page.goto(request(app, { redirect_uri: "com.example.app:/cb" }));
  await signIn(page);
  await page.waitForSelector("button[value=allow]");
  const [answer] = await Promise.all([
    page.waitForResponse((response) => new URL(response.url()).pathname.endsWith("/consent")),
    page.click("button[value=allow]"),
  ]);
  expect(answer.status() === 200, `the answer was ${answer.status()}`);
  await page.waitForSelector("a[href^='com.example.app:/cb?code=sac_'], meta[content*='com.example.app:/cb?code=sac_']", { state: "attached" });
  await page.context().close();
}

// A callback that redirects, after each button, in the query and in a form, with and without script.
for (const javaScriptEnabled of [true, false]) {
  for (const mode of ["query", "form_post"]) {
    at = `a callback that redirects on, ${mode}, ${javaScriptEnabled ? "with" : "without"} JavaScript`;
    const page = await open({ javaScriptEnabled });
    application.sendOn = elsewhere;
    const client = mode === "query" ? web : post;
    await page.goto(request(client, { response_mode: mode, prompt: "login consent" }));
    await signIn(page);
    await page.click("button[value=allow]");
    if (mode === "form_post" && !javaScriptEnabled) {
      await page.waitForSelector("form");
      await page.click("button");
    }
    await page.waitForURL(elsewhere);
    // The log-in button only: consent was given before.
    await page.goto(request(client, { response_mode: mode, prompt: "login" }));
    await signIn(page);
    if (mode === "form_post" && !javaScriptEnabled) {
      await page.waitForSelector("form");
      await page.click("button");
    }
    await page.waitForURL(elsewhere);
    // From one name of a site to another.
    application.sendOn = www;
    await page.goto(request(client, { response_mode: mode, prompt: "login", redirect_uri: apex }));
    await signIn(page);
    if (mode === "form_post" && !javaScriptEnabled) {
      await page.waitForSelector("form");
      await page.click("button");
    }
    await page.waitForURL(www);
    expect(last().host === new URL(apex).host, `the callback was at ${last().host}`);
    application.sendOn = "com.example.app://done";
    // Chromium passes the address to the system, which does not know the scheme, and stays on the page. A redirect that a
    // policy forbids is blocked before its request.
    const handed = [];
    page.on("request", (one) => one.url().startsWith("com.example.app:") && handed.push(one.url()));
    const before = got.length;
    await page.goto(request(web, { prompt: "login" }));
    await signIn(page);
    const end = Date.now() + patience;
    while (handed.length === 0 && Date.now() < end) await page.waitForTimeout(20);
    expect(got.length === before + 1, `${got.length - before} callbacks`);
    expect(/\/cb\?code=sac_/.test(last().url), `the callback was not reached: ${last().url}`);
    expect(handed[0] === application.sendOn, `what was handed over: ${handed}`);
    application.sendOn = null;
    await page.context().close();
  }
}

at = "a pop-up";
{
  const page = await open({});
  application.sendOn = `http://localhost:${port}/popup`;
  await page.goto(`http://localhost:${port}/opener`);
  const told = page.evaluate((url) => new Promise((resolve) => {
    addEventListener("message", (event) => resolve(event.data));
    window.open(url, "sign-in", "width=500,height=700");
  }), request(web, { prompt: "login consent" }));
  const popup = await page.waitForEvent("popup");
  await signIn(popup);
  await popup.click("button[value=allow]");
  expect((await told) === "", "the opener was not told");
  application.sendOn = null;
  await page.context().close();
}

at = "sessions and signing out";
{
  const one = await open({});
  const two = await open({});
  for (const page of [one, two]) {
    await page.goto(`${issuer}/login`);
    await signIn(page);
    await page.waitForURL(/\/account/);
  }
  await one.reload();
  await one.click("form[action='/account/sessions/end-others'] button");
  await one.waitForSelector("[role=status]");
  await two.goto(`${issuer}/account`);
  expect(/\/login/.test(two.url()), "the other browser is still logged in");
  await one.click("form[action='/account/apps/remove'] button");
  await one.waitForSelector("[role=status]");
  await one.fill("#name", "Ada <b>");
  await one.click("form[action='/account/profile'] button");
  await one.waitForSelector("[role=status]");
  expect((await one.inputValue("#name")) === "Ada <b>", "the name was not kept");
  await one.click("form[action='/logout'] button");
  await one.waitForSelector("h1");
  await one.goto(`${issuer}/account`);
  expect(/\/login/.test(one.url()), "still logged in after logging out");
}

await browser.close();
application.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
