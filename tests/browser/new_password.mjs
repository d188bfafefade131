// Replaces a password in a real Chromium, without JavaScript and by keyboard alone, and watches for anything the
// policy blocks or any request that leaves the origin.
//
// Usage: node new_password.mjs ORIGIN LOGIN PASSWORD NEW_PASSWORD [SCREENSHOT_FOLDER]
import { chromium } from "playwright-core";

const [origin, login, password, replacement, folder] = process.argv.slice(2);
// How long a thing may take before it is taken for hung; a busy machine is slow, not wrong.
const patience = 120_000;
const browser = await chromium.launch({
  timeout: patience,
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const problems = [];
const expect = (condition, what) => condition || problems.push(what);
const context = await browser.newContext({
  javaScriptEnabled: false, viewport: { width: 320, height: 800 },
});
context.setDefaultTimeout(patience);
const page = await context.newPage();
page.on("console", (message) => {
  // A refused form is a 4xx, which Chromium reports as an error too.
  if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) {
    problems.push(`console: ${message.text()}`);
  }
});
page.on("request", (request) => {
  expect(request.url().startsWith(origin), `a request left the origin: ${request.url()}`);
});

// The first field of each page has the focus.
const typed = async (...texts) => {
  for (const [index, text] of texts.entries()) {
    if (index > 0) await page.keyboard.press("Tab");
    await page.keyboard.type(text);
  }
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
};
const path = () => new URL(page.url()).pathname;

await page.goto(`${origin}/login`);
await typed(login, password);
expect(path() === "/login/password", `after the sign-in: ${path()}`);
const field = page.locator("#new_password");
expect((await field.getAttribute("autocomplete")) === "new-password", "autocomplete");
expect((await page.locator("label[for=new_password]").count()) === 1, "the field has no label");
expect((await page.locator("#password-hint").innerText()).length > 20, "the rules are not shown");
expect((await page.locator("button.reveal").count()) === 0, "a control that does nothing");
if (folder) await page.screenshot({ path: `${folder}/new-password.png`, fullPage: true });

await typed(password);
await page.waitForSelector("[role=alert]");
expect((await field.getAttribute("aria-invalid")) === "true", "the field is not marked");
expect((await field.inputValue()) === "", "the password was sent back");
await typed(replacement);
expect(path() === "/account", `after the change: ${path()}`);
await browser.close();

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
