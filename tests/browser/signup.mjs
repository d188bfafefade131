// Signs up in a real Chromium, without JavaScript and with the keyboard only. Reports everything that the policy blocks
// and every request to another origin.
//
// Usage: node signup.mjs ORIGIN CLOCK MAILS EMAIL PASSWORD [SCREENSHOT_FOLDER]
// A request to CLOCK advances the server's clock; MAILS is the folder to which it writes its mail.
import { readdirSync, readFileSync } from "node:fs";
import { launch, patience, typed, watch } from "./chromium.mjs";

const [origin, clock, mails, email, password, folder] = process.argv.slice(2);
const browser = await launch();
const problems = [];
const expect = (condition, what) => condition || problems.push(what);
const context = await browser.newContext({
  javaScriptEnabled: false, viewport: { width: 320, height: 800 },
});
context.setDefaultTimeout(patience);
const page = await context.newPage();
watch(page, (what) => problems.push(what), origin);

// The first field of each page has the focus.
const type = (...texts) => typed(page, ...texts);
const path = () => new URL(page.url()).pathname;
const picture = (name) => folder && page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });

await page.goto(`${origin}/login`);
await Promise.all([page.waitForNavigation(), page.click("text=Create an account")]);
expect(path() === "/signup", `the page to sign up: ${path()}`);
expect(!(await page.locator("#website").isVisible()), "the decoy is visible");
await picture("live-signup-email");
await fetch(clock);
await type(email);
expect(path() === "/signup/code", `after the address: ${path()}`);
expect((await page.locator("main").innerText()).includes(email), "the address is not shown");
const field = page.locator("#code");
expect((await field.getAttribute("autocomplete")) === "one-time-code", "autocomplete");

const began = Date.now();
let code;
while (!code && Date.now() - began < patience) {
  const [file] = readdirSync(mails).filter((name) => name.endsWith(".eml"));
  const text = file ? readFileSync(`${mails}/${file}`, "utf8") : "";
  code = /^ {4}(\d{4} \d{4})\r?$/m.exec(text)?.[1];
  if (!code) await new Promise((resolve) => setTimeout(resolve, 50));
}
expect(code, "no mail with a code");
await type("0000 0000");
await page.waitForSelector("[role=alert]");
await picture("live-signup-code");
await type(code);
expect(path() === "/signup/account", `after the code: ${path()}`);
const login = page.locator("#login");
expect((await login.inputValue()) === email, "the login is not the address");
expect((await login.getAttribute("autocomplete")) === "username", "autocomplete of the login");
expect((await page.locator("#password").getAttribute("autocomplete")) === "new-password", "autocomplete");
expect((await page.locator("button.reveal").count()) === 0, "a control that does nothing");
expect(!(await page.locator("#terms").isChecked()), "the terms are ticked");
await picture("live-signup-account");

await login.focus();
await page.keyboard.press("Tab");
await page.keyboard.type(password);
await page.keyboard.press("Tab");
await page.keyboard.type("Ada");
await page.keyboard.press("Tab");
await page.keyboard.press("Space");
await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
expect(path() === "/account", `after the account: ${path()}`);
expect((await page.locator("main").innerText()).includes(email), "the account has no address");

const overflow = await page.evaluate(
  () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
);
expect(overflow <= 0, `${overflow} px too wide`);
await browser.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
