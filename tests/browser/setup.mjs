// Tests the set-up page in a real Chromium, without JavaScript and with the keyboard only. Reports everything that the
// policy blocks and every request to another origin.
//
// Usage: node setup.mjs SETUP_URL LOGIN PASSWORD [SCREENSHOT_FOLDER]
import { launch, patience, typed, watch } from "./chromium.mjs";

const [url, login, password, folder] = process.argv.slice(2);
const origin = new URL(url).origin;
const browser = await launch();
const problems = [];
const expect = (condition, what) => condition || problems.push(what);

async function open({ javaScriptEnabled, colorScheme, width }) {
  const context = await browser.newContext({
    javaScriptEnabled, colorScheme, viewport: { width, height: 800 },
  });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  watch(page, (what) => problems.push(what), origin);
  page.on("dialog", (dialog) => problems.push(`a dialog opened: ${dialog.message()}`));
  return page;
}

async function shot(page, name) {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

// The appearance, in both schemes, with the smallest and the largest width.
for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1280]) {
    const page = await open({ javaScriptEnabled: true, colorScheme, width });
    await page.goto(url);
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow <= 0, `the page is ${overflow} px too wide at ${width} px`);
    const marks = await page.evaluate(() => ({
      login: document.querySelector("#login").autocomplete,
      password: document.querySelector("#password").autocomplete,
      labels: [...document.querySelectorAll("input:not([type=hidden])")].every((input) => input.labels.length === 1),
      language: document.documentElement.lang,
    }));
    expect(marks.login === "username", `autocomplete of login: ${marks.login}`);
    expect(marks.password === "new-password", `autocomplete of password: ${marks.password}`);
    expect(marks.labels, "an input has no label");
    expect(marks.language === "en", "the page names no language");
    await shot(page, `setup-${colorScheme}-${width}`);
    await page.context().close();
  }
}

// The interaction, without JavaScript and mouse.
const page = await open({ javaScriptEnabled: false, colorScheme: "light", width: 1280 });
await page.goto(url);
await typed(page, "<b>x", "short");
await page.waitForSelector("[role=alert]");
expect((await page.locator("#login").inputValue()) === "<b>x", "the login was not kept");
expect((await page.locator("main b").count()) === 0, "the login was taken for HTML");
await shot(page, "setup-refused");
await page.goto(url);
await typed(page, login, password);
await page.waitForSelector("h1:has-text('Your first token')");
await shot(page, "first-token");
const token = (await page.locator(".token code").innerText()).trim();
await page.goto(url);
expect((await page.locator("[role=alert]").count()) === 1, "the link worked twice");
await browser.close();

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(token);
