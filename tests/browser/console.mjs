// Checks the pages of the web console of a running server in a real Chromium: in both colour schemes, narrow and wide,
// with axe-core. Reports everything that the policy blocks and every request to another origin.
//
// Usage: node console.mjs ORIGIN PORT LOGIN PASSWORD PAGES_JSON [SCREENSHOT_FOLDER]
// PAGES_JSON has `pages`, a list of {name, path} (without a name there is no screenshot), and `forms`, a list of
// {path, status, text}: the status of the response, and a selector of an element that is shown then. The host of ORIGIN
// is resolved to PORT of this machine. With a folder there is a screenshot of each page, light and 1280 pixels wide,
// and of the overview also dark.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, patience, watch } from "./chromium.mjs";
import { smaller } from "./png.mjs";

const [origin, port, login, password, json, folder] = process.argv.slice(2);
const { pages, forms } = JSON.parse(json);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { hostname } = new URL(origin);

const browser = await launch([
  `--host-resolver-rules=MAP ${hostname}:80 127.0.0.1:${port}`,
  // Text without subpixel colours makes smaller images.
  "--disable-lcd-text",
  // Without TLS Chromium would ignore a header of each page, and log this on the console.
  `--unsafely-treat-insecure-origin-as-secure=${origin}`,
]);
const problems = [];
let at = "";
const context = await browser.newContext({
  locale: "en", viewport: { width: 1280, height: 860 }, reducedMotion: "reduce",
});
context.setDefaultTimeout(patience);
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`);
  });
});
const page = await context.newPage();
watch(page, (what) => problems.push(`${at}: ${what}`), origin);

await page.goto(`${origin}/admin`);
await page.fill("input[name=login]", login);
await page.fill("input[name=password]", password);
await Promise.all([page.waitForNavigation(), page.press("input[name=password]", "Enter")]);

async function look() {
  const excess = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (excess > 0) problems.push(`${at}: ${excess} px too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, nodes } of violations) {
    problems.push(`${at}: axe ${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
  }
}

const wide = { width: 1280, colorScheme: "light" };
const narrow = { width: 320, colorScheme: "dark" };
const ways = [wide, { ...wide, colorScheme: "dark" }, { ...narrow, colorScheme: "light" }, narrow];

for (const { name, path } of pages) {
  // Pages without a name are checked in both sizes and colour schemes at once.
  for (const { width, colorScheme } of name ? ways : [wide, narrow]) {
    // The charts of the overview are further down than one screen.
    await page.setViewportSize({ width, height: name === "overview" ? 1240 : 860 });
    at = `${name || path} ${colorScheme} ${width}`;
    await page.emulateMedia({ colorScheme });
    const answer = await page.goto(`${origin}${path}`);
    if (answer.status() !== 200) problems.push(`${at}: ${answer.status()}`);
    await look();
    const isKept = name && width === 1280 && (colorScheme === "light" || name === "overview");
    if (folder && isKept) {
      const dark = colorScheme === "dark" ? "-dark" : "";
      writeFileSync(`${folder}/console-${name}${dark}.png`, smaller(await page.screenshot()));
    }
  }
}

// The response to a form that is sent unchanged.
for (const { path, status, text } of forms) {
  for (const { width, colorScheme } of [wide, narrow]) {
    await page.setViewportSize({ width, height: 860 });
    at = `${path}, sent, ${colorScheme} ${width}`;
    await page.emulateMedia({ colorScheme });
    await page.goto(`${origin}${path}`);
    const [answer] = await Promise.all([
      page.waitForNavigation(),
      page.evaluate(() => document.querySelector("main form[method=post]").submit()),
    ]);
    if (answer.status() !== status) problems.push(`${at}: ${answer.status()}`);
    if ((await page.locator(`main ${text}`).count()) === 0) problems.push(`${at}: no ${text}`);
    await look();
  }
}
await browser.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
