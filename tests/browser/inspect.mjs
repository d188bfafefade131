// Tests the token inspector in a real Chromium: checks a list of tokens offline, records every request, and checks the
// filled-in page, also from a file on disk, without crypto.subtle and without JavaScript.
//
// Usage: node inspect.mjs JSON_FILE [SCREENSHOT_FOLDER]
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { launch, patience } from "./chromium.mjs";

const [file, folder] = process.argv.slice(2);
const given = JSON.parse(readFileSync(file, "utf8"));
const { base, cases } = given;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await launch();
const problems = [];
const changed = cases.find(({ what }) => what === "signature 7").token;
const expect = (condition, what) => condition || problems.push(what);

// A page whose clock is fixed to the time of the server, and all its requests.
async function open(options = {}) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin", ...options });
  context.setDefaultTimeout(patience);
  await context.addInitScript((now) => {
    Date.now = () => now;
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`);
    });
  }, given.now);
  const page = await context.newPage();
  const requests = [];
  context.on("request", (request) => {
    requests.push([request.method(), request.url(), JSON.stringify(request.headers()), request.postData() ?? ""].join(" "));
  });
  page.on("console", (message) => {
    if (message.type() === "error" && !/ERR_INTERNET_DISCONNECTED/.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`${error}`));
  page.on("dialog", (dialog) => problems.push(`a dialog opened: ${dialog.message()}`));
  return { context, page, requests };
}

const ready = (page) => page.waitForSelector("#inspector[data-ready]");

// The result of the page for a token. The page is cleared first, so that no previous result is read.
async function judged(page, token, audience = "") {
  await page.fill("#token", "");
  await page.waitForSelector("#verdict:not([data-state])", { state: "attached" });
  await page.fill("#audience", audience ?? "");
  await page.fill("#token", token);
  await page.waitForSelector("#verdict[data-state]");
  return page.evaluate(() => {
    const { state, code } = document.getElementById("verdict").dataset;
    const checks = [...document.querySelectorAll("#details .checks li")].map((item) => ({
      check: item.dataset.check,
      ok: { passed: true, failed: false }[item.className] ?? null,
      code: item.querySelector(".name code")?.textContent ?? null,
    }));
    return { state, code: code || null, checks, said: document.getElementById("verdict").innerText };
  });
}

async function shot(page, name) {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

// Offline: every token gets the same code as from the server, and no check contradicts the server's.
{
  const { context, page, requests } = await open();
  await page.goto(`${base}/inspect`);
  await ready(page);
  const title = await page.title();
  const focused = await page.evaluate(() => document.activeElement.id);
  expect(focused === "token", `the focus is on ${focused}`);
  const afterLoad = requests.length;
  await context.setOffline(true);
  for (const { what, token, audience, report } of cases) {
    // A text area normalises line breaks; no token of the list has one.
    const { state, code, checks } = await judged(page, token, audience);
    expect(code === report.code, `${what}: ${code}, the server says ${report.code}`);
    expect((state === "good") === report.good, `${what}: ${state}, the server says ${report.good}`);
    const order = report.checks.map(({ check }) => check);
    const known = checks.map(({ check }) => check);
    expect(known.every((check, at) => check === order[at] || checks.length === 0), `${what}: ${known} is not the order ${order}`);
    for (const check of checks) {
      const server = report.checks.find((other) => other.check === check.check);
      const agrees = check.ok === null || (check.ok === server.ok && check.code === (server.code ?? null));
      expect(agrees, `${what}: ${JSON.stringify(check)}, the server says ${JSON.stringify(server)}`);
    }
    const places = await page.evaluate(() => [location.href, document.title, localStorage.length, sessionStorage.length, document.cookie]);
    expect(JSON.stringify(places) === JSON.stringify([`${base}/inspect`, title, 0, 0, ""]), `${what}: kept at ${places}`);
  }
  for (const pasted of [`Bearer ${given.good}`, `  bearer  ${given.good}\n`, JSON.stringify({ token_type: "Bearer", access_token: given.good })]) {
    const { state } = await judged(page, pasted);
    expect(state === "good", `pasted ${pasted.slice(0, 12)}: ${state}`);
  }
  const markup = await judged(page, given.markup);
  expect(markup.state === "good", `markup: ${markup.said}`);
  const shown = await page.evaluate(() => ({ images: document.images.length, text: document.getElementById("details").innerText }));
  expect(shown.images === 0 && shown.text.includes("<img src=x onerror=alert(1)>"), "markup in a claim is not text");
  const foreign = await judged(page, given.foreign);
  expect(foreign.said.includes("https://login.other.example"), `foreign: ${foreign.said}`);
  const shared = await judged(page, given.shared);
  expect(shared.state === "open" && /only the issuer can check/i.test(shared.said), `HS256: ${shared.said}`);
  expect(shared.checks.find(({ check }) => check === "signature").ok === null, "HS256: the signature was judged");
  expect(requests.length === afterLoad, `requests after the load: ${requests.slice(afterLoad)}`);

  // The feed is fetched only after a click; the session of one token has ended.
  const revocation = () => page.locator("#details [data-check=revocation]").getAttribute("class");
  await judged(page, given.good);
  await page.click("#revoked");
  await page.waitForFunction(() => /could not be loaded/.test(document.getElementById("details").innerText));
  await context.setOffline(false);
  for (const [token, answer, state] of [[given.good, "passed", "good"], [given.ended, "failed", "bad"]]) {
    await judged(page, token);
    expect((await revocation()) === "open", "revocation is judged before it is asked for");
    const before = requests.length;
    await page.focus("#revoked");
    await page.keyboard.press("Enter");
    await page.waitForSelector(`#details [data-check=revocation].${answer}`);
    expect((await page.locator("#verdict").getAttribute("data-state")) === state, `after the click: not ${state}`);
    expect((await page.evaluate(() => document.activeElement.id)) === "revoked", "the focus is lost after the click");
    const asked = requests.slice(before).map((request) => request.split(" ")[1]);
    expect(asked.length > 0 && asked.every((url) => url.startsWith(`${base}/.well-known/`)), `the click asked ${asked}`);
  }

  // A token is identified by its signature, whatever the other parts are.
  const secrets = [...cases.map(({ token }) => token.split(".").at(-1)), given.good, given.refresh, given.shared, given.ended];
  for (const secret of secrets.filter((secret) => secret.length > 20)) {
    for (const request of requests) expect(!request.includes(secret.slice(0, 20)), `a request carries a token: ${request}`);
  }
  expect(requests.every((request) => request.startsWith(`GET ${base}/`) && !/"cookie"|"referer":"[^"]/.test(request)), `requests: ${requests}`);

  // After leaving and returning, the page is empty.
  await page.goto(`${base}/`);
  await page.goBack();
  await ready(page);
  const left = await page.evaluate(() => [...document.querySelectorAll("textarea, input")].map(({ value }) => value).join("") + document.getElementById("details").innerText);
  expect(left === "", `left after the page was left: ${left}`);
  await context.close();
}

// The filled-in page: both schemes, narrow and wide, both languages, without findings of axe-core.
for (const [colorScheme, lang, width] of [["light", "en", 320], ["dark", "de", 320], ["light", "de", 1280], ["dark", "en", 1280]]) {
  const { context, page } = await open({ colorScheme, viewport: { width, height: 900 } });
  await page.goto(`${base}/inspect?lang=${lang}`);
  await ready(page);
  expect((await page.evaluate(() => document.documentElement.lang)) === lang, `the page is not in ${lang}`);
  // The tests run it in the page, whose policy stays in force.
  await page.evaluate(axe);
  for (const [name, token] of [["valid", given.markup], ["changed", changed], ["foreign", given.foreign], ["shared", given.shared], ["refresh", given.refresh]]) {
    const { said } = await judged(page, token);
    if (lang === "de" && name === "valid") expect(/^Gültig/.test(said) && /läuft in \d+ Minuten ab/.test(said), `German: ${said}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow <= 0, `${name}: ${overflow} px too wide at ${width}`);
    await shot(page, `${name}-${lang}-${colorScheme}-${width}`);
    if (!["valid", "changed"].includes(name)) continue;
    const { violations } = await page.evaluate(() => window.axe.run());
    for (const { id, help, nodes } of violations) {
      const where = nodes.map((node) => `${node.target} ${node.failureSummary}`);
      problems.push(`${name} ${lang} ${colorScheme}: axe: ${id}: ${help}: ${where}`);
    }
  }
  await judged(page, given.good);
  await page.focus("#token");
  const stops = [];
  for (let stop = 0; stop < 3; stop += 1) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => document.activeElement.id));
  }
  expect(stops.join() === "audience,clear,revoked", `the keyboard goes to ${stops}`);
  await page.click("#clear");
  const emptied = await page.evaluate(() => document.getElementById("token").value + document.getElementById("details").innerText);
  expect(emptied === "", "Clear leaves something");
  await context.close();
}

// The policy applies: even a script of the page cannot insert markup. The browser reports violations.
{
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${base}/inspect`);
  const refusal = await page.evaluate(() => {
    try {
      document.createElement("p").innerHTML = "x";
      return "none";
    } catch (error) {
      return error.name;
    }
  });
  expect(refusal === "TypeError", `Trusted Types are not enforced: ${refusal}`);
  await context.close();
}

// Without crypto.subtle: the token is decoded, and the page explains why no signature was checked.
{
  const { context, page } = await open();
  await context.addInitScript(() => Object.defineProperty(crypto, "subtle", { value: undefined }));
  await page.goto(`${base}/inspect`);
  await ready(page);
  const { state, code, said, checks } = await judged(page, given.good);
  expect(state === "open" && code === null && /without https/.test(said), `without crypto.subtle: ${state} ${said}`);
  expect(checks.find(({ check }) => check === "expiry").ok === true, "without crypto.subtle: nothing is decoded");
  await context.close();
}

// Saved to disk like a browser does: URLs of style and script are files, others are unchanged. The keys are pasted.
{
  const disk = mkdtempSync(join(tmpdir(), "inspect-"));
  let html = await (await fetch(`${base}/inspect`)).text();
  const addresses = [...html.matchAll(/(?:src|href)="(\/assets\/([^"]+))"/g)];
  for (const [, address, name] of addresses) {
    writeFileSync(join(disk, name), await (await fetch(`${base}${address}`)).text());
    html = html.replace(`"${address}"`, `"./${name}"`);
  }
  writeFileSync(join(disk, "inspect.html"), html);
  const keys = await (await fetch(`${base}/.well-known/jwks.json?rs=signet-inspector`)).text();
  const { context, page, requests } = await open();
  await page.goto(`file://${disk}/inspect.html`);
  await ready(page);
  const before = await judged(page, given.good);
  expect(before.state === "open", `from disk without keys: ${before.state}`);
  await page.fill("#keys", keys);
  await page.waitForSelector("#verdict[data-state=good]");
  const { code } = await judged(page, changed);
  expect(code === "bad_signature", `from disk: ${code}`);
  expect((await page.locator("#revoked").count()) === 0, "from disk: the feed is out of reach");
  expect(requests.every((request) => request.startsWith("GET file://")), `from disk: ${requests}`);
  await shot(page, "from-disk");
  await context.close();
}

// Without JavaScript: the command is shown, and no control that could send a token.
{
  const { context, page } = await open({ javaScriptEnabled: false });
  await page.goto(`${base}/inspect`);
  await page.waitForSelector("noscript code");
  const command = await page.locator("noscript code").innerText();
  expect(command === "signet token inspect -", `without JavaScript: ${command}`);
  expect((await page.locator("form").count()) === 0, "there is a form");
  expect(!(await page.locator("#token").isVisible()), "there is a field that does nothing");
  await shot(page, "no-script");
  await page.click("footer a[hreflang=de]");
  await page.waitForSelector("h1:has-text('Token-Prüfer')");
  await context.close();
}

await browser.close();
if (problems.length > 0) {
  console.error(problems.slice(0, 60).join("\n"));
  process.exit(1);
}
