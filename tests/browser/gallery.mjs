// Checks every page with sample data in a real Chromium: in both colour schemes, narrow and wide, by
// keyboard, with axe-core. Reports everything that the policy blocks and every request to another origin.
//
// Usage: node gallery.mjs GALLERY_JSON [SCREENSHOT_FOLDER]
// The JSON has `assets` (path, headers, body in base64) and `pages` (name, lang, html, policy).
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, patience } from "./chromium.mjs";

const [file, folder] = process.argv.slice(2);
const { assets, pages } = JSON.parse(readFileSync(file, "utf8"));
// In Chromium a page that tries to open an app loses the keyboard focus, so this page does not forward by itself.
const refresh = /<meta http-equiv="refresh"[^>]*>/;
const forwarding = pages.filter(({ html }) => refresh.test(html));
for (const page of forwarding) page.html = page.html.replace(refresh, "");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const problems = [];
if (pages.some(({ name }) => name === "continue") && forwarding.length === 0) {
  problems.push("the page that forwards by itself does not do so");
}
let at = "";
const expect = (condition, what) => condition || problems.push(`${at}: ${what}`);

const server = createServer((request, response) => {
  const asset = assets.find(({ path }) => path === request.url);
  const page = pages.find(({ lang, name }) => `/${lang}/${name}` === request.url);
  if (asset) {
    response.writeHead(200, asset.headers);
    response.end(Buffer.from(asset.body, "base64"));
  } else if (page) {
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": page.policy,
      "x-content-type-options": "nosniff",
    });
    response.end(page.html);
  } else {
    response.writeHead(404);
    response.end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await launch();

// A browser whose requests to other origins are intercepted and recorded.
async function open(options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  const left = [];
  await context.route((url) => url.origin !== origin, (route) => {
    const request = route.request();
    left.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`.trim());
    return route.fulfill({ status: 200, contentType: "text/plain", body: "arrived" });
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    // No application here handles the scheme, which is not an error of the page.
    if (message.type() === "error" && !/registered handler|user gesture is required/.test(message.text())) {
      problems.push(`${at}: console: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => problems.push(`${at}: ${error}`));
  page.on("dialog", (dialog) => problems.push(`${at}: a dialog opened: ${dialog.message()}`));
  return { context, page, left };
}

// Checks without interaction.
async function look(page) {
  const found = await page.evaluate(() => {
    const visible = (element) => !element.closest(".visually-hidden") && element.checkVisibility();
    const inputs = [...document.querySelectorAll("input:not([type=hidden])")];
    const targets = [...document.querySelectorAll("button, .button, input:not([type=hidden])")];
    return {
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      unlabelled: inputs.filter((input) => input.labels.length !== 1).map((input) => input.id),
      small: targets.filter(visible)
        .map((target) => ({ name: target.outerHTML, height: target.getBoundingClientRect().height }))
        .filter(({ height }) => height < 43.9),
      outside: targets.filter(visible).filter((target) => {
        const { left, right } = target.getBoundingClientRect();
        return left < 0 || right > innerWidth;
      }).map((target) => target.outerHTML),
    };
  });
  expect(found.overflow <= 0, `${found.overflow} px too wide`);
  expect(found.unlabelled.length === 0, `inputs without a label: ${found.unlabelled}`);
  expect(found.small.length === 0, `too small to hit: ${JSON.stringify(found.small)}`);
  expect(found.outside.length === 0, `outside of the window: ${found.outside}`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, help, nodes } of violations) {
    const where = nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ");
    problems.push(`${at}: axe: ${id}: ${help}: ${where}`);
  }
}

// Tab visits every control in reading order, with a visible focus.
async function walk(page) {
  const count = await page.evaluate(() => {
    const all = document.querySelectorAll(
      "a[href], button, summary, input:not([type=hidden]), select, textarea, [tabindex]",
    );
    // Controls in closed sections cannot be reached.
    window.stops = [...all].filter((element) => element.tabIndex >= 0 && element.checkVisibility());
    window.stops[0]?.focus();
    return window.stops.length;
  });
  for (let stop = 0; stop < count; stop += 1) {
    const find = () => page.evaluate((expected) => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const { top, bottom } = element.getBoundingClientRect();
      return {
        right: element === window.stops[expected],
        name: element.outerHTML.slice(0, 80),
        ring: outlineStyle === "solid" && parseFloat(outlineWidth) >= 3,
        inSight: bottom > 0 && top < innerHeight,
      };
    }, stop);
    let seen = await find();
    for (let tries = 1; !seen.right && tries <= 1200; tries += 1) {
      await page.waitForTimeout(50);
      seen = await find();
      // The key was lost, or arrived twice: repeat from the previous stop.
      if (!seen.right && tries % 20 === 0) {
        await page.bringToFront();
        await page.evaluate((before) => window.stops[before]?.focus(), stop - 1);
        await page.keyboard.press("Tab");
      }
    }
    expect(seen.right, `tab ${stop} leads to ${seen.name}`);
    expect(stop === 0 || seen.ring, `the focus on ${seen.name} cannot be seen`);
    expect(seen.inSight, `the focus on ${seen.name} is out of sight`);
    await page.keyboard.press("Tab");
  }
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 390, 1280]) {
    const { context, page, left } = await open({ colorScheme, viewport: { width, height: 800 } });
    // The page that submits itself would be replaced before it is checked.
    await page.route("**/assets/submit.js", (route) =>
      route.fulfill({ status: 200, contentType: "text/javascript", body: "" }));
    for (const { lang, name } of pages) {
      // Other languages differ only in the length of words: one scheme for each width is sufficient.
      if (lang !== "en" && (colorScheme === "light") !== (width < 1280)) continue;
      at = `${lang} ${name} ${colorScheme} ${width}`;
      await page.goto(`${origin}/${lang}/${name}`);
      await look(page);
      if (colorScheme === "light" && lang === "en") await walk(page);
      if (folder) {
        await page.evaluate(() => document.activeElement.blur());
        await page.screenshot({ path: `${folder}/${name}-${lang}-${colorScheme}-${width}.png`, fullPage: true });
      }
    }
    expect(left.length === 0, `requests left the origin: ${left}`);
    await context.close();
  }
}

const callback = "https://photos.example.com/callback";
for (const javaScriptEnabled of [true, false]) {
  at = javaScriptEnabled ? "with scripts" : "without scripts";
  const { context, page, left } = await open({ javaScriptEnabled });
  await page.goto(`${origin}/en/form-post`);
  if (!javaScriptEnabled) await page.click("button");
  await page.waitForURL(callback);
  expect(left.join() === `POST ${callback} code=WDJB-MJHT&state=WDJB-MJHT`, `sent: ${left}`);

  await page.goto(`${origin}/en/login`);
  const buttons = await page.locator("button").count();
  // Sign in, start again, the other language, and the controls that a script adds.
  expect(buttons === (javaScriptEnabled ? 4 : 3), `${buttons} buttons`);
  if (javaScriptEnabled) {
    const type = () => page.locator("#password").getAttribute("type");
    const reveal = page.getByRole("button", { name: "Show Password" });
    await page.fill("#password", "secret");
    await reveal.click();
    expect((await type()) === "text", "the password is not shown");
    const focused = await page.evaluate(() => document.activeElement.id);
    expect(focused === "password", `the focus went to ${focused}`);
    await page.getByRole("button", { name: "Hide Password" }).click();
    expect((await type()) === "password", "the password is still shown");
    await reveal.click();
    await page.fill("#login", "ada");
    await page.evaluate(() => {
      document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    });
    await page.keyboard.press("Enter");
    expect((await type()) === "password", "the password is sent from an open field");
  }
  await context.close();
}

// The policy applies on pages without a pending request: a form with a foreign target is not sent.
at = "policy";
{
  const { context, page, left } = await open({});
  const before = problems.length;
  await page.goto(`${origin}/en/account`);
  await page.evaluate(() => {
    const form = document.querySelector("form");
    form.action = "https://elsewhere.example.com/";
    form.noValidate = true;
    form.submit();
  });
  // The browser reports when the actions of the page have ended.
  const blocked = () => problems.slice(before).some((text) => text.includes("form-action"));
  const end = Date.now() + patience;
  while (!blocked() && Date.now() < end) await page.waitForTimeout(20);
  const refused = blocked();
  // Browser and page both report it; a closed context reports nothing.
  await context.close();
  problems.splice(before);
  expect(refused && left.length === 0, "a password can be sent elsewhere");
}

await browser.close();
server.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
