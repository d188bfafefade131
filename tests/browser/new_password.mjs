// Replaces a password in a real Chromium, without JavaScript and with the keyboard only. Reports everything that the
// policy blocks and every request to another origin.
//
// Usage: node new_password.mjs ORIGIN LOGIN PASSWORD NEW_PASSWORD [SCREENSHOT_FOLDER]
import { launch, patience, typed, watch } from "./chromium.mjs";

const [origin, login, password, replacement, folder] = process.argv.slice(2);
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

await page.goto(`${origin}/login`);
await type(login, password);
expect(path() === "/login/password", `after the sign-in: ${path()}`);
const field = page.locator("#new_password");
expect((await field.getAttribute("autocomplete")) === "new-password", "autocomplete");
expect((await page.locator("label[for=new_password]").count()) === 1, "the field has no label");
expect((await page.locator("#password-hint").innerText()).length > 20, "the rules are not shown");
expect((await page.locator("button.reveal").count()) === 0, "a control that does nothing");
if (folder) await page.screenshot({ path: `${folder}/new-password.png`, fullPage: true });

await type(password);
await page.waitForSelector("[role=alert]");
expect((await field.getAttribute("aria-invalid")) === "true", "the field is not marked");
expect((await field.inputValue()) === "", "the password was sent back");
await type(replacement);
expect(path() === "/account", `after the change: ${path()}`);
await browser.close();

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
