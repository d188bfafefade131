// Looks at the pages of the web console of a running server in a real Chromium: in both colour schemes, narrow and wide,
// with axe-core, and watches for anything that the policy blocks or any request that leaves.
//
// Usage: node console.mjs ORIGIN PORT LOGIN PASSWORD PAGES_JSON [SCREENSHOT_FOLDER]
// PAGES_JSON is a list of {name, path}. The host of ORIGIN is looked for at PORT of this machine. With a folder there is
// a picture of each page, light and 1280 pixels wide, and of the overview also dark.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, patience, watch } from "./chromium.mjs";
import { smaller } from "./png.mjs";

const [origin, port, login, password, json, folder] = process.argv.slice(2);
const pages = JSON.parse(json);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { hostname } = new URL(origin);

const browser = await launch([
  `--host-resolver-rules=MAP ${hostname}:80 127.0.0.1:${port}`,
  // Letters without coloured edges make smaller pictures.
  "--disable-lcd-text",
  // Without TLS Chromium would ignore a header of each page, and say so on the console.
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

for (const { name, path } of pages) {
  for (const width of [1280, 320]) {
    // The charts of the overview are further down than one screen.
    await page.setViewportSize({ width, height: name === "overview" ? 1240 : 860 });
    for (const colorScheme of ["light", "dark"]) {
      at = `${name} ${colorScheme} ${width}`;
      await page.emulateMedia({ colorScheme });
      await page.goto(`${origin}${path}`);
      const excess = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      if (excess > 0) problems.push(`${at}: ${excess} px too wide`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      for (const { id, nodes } of violations) {
        problems.push(`${at}: axe ${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
      }
      const isKept = width === 1280 && (colorScheme === "light" || name === "overview");
      if (folder && isKept) {
        const dark = colorScheme === "dark" ? "-dark" : "";
        writeFileSync(`${folder}/console-${name}${dark}.png`, smaller(await page.screenshot()));
      }
    }
  }
}
await browser.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
