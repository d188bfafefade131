// The life of an account in a real Chromium, from the sign-up to the deletion: with a second factor, a lost phone, a
// forgotten password and, if scripts run, a passkey. Every page is checked by axe-core in both colour schemes, is not
// too wide, is in the language of the browser and contains nothing that the policy blocks.
//
// Usage: node account.mjs ORIGIN EMAIL script|plain LANGUAGE WIDTH [SCREENSHOT_FOLDER]
//
// The script requests data from the test on standard output, one line each; the response is a line of JSON on standard
// input. "? mailed" returns the code of the newest mail, "? code SECRET" that of an authenticator app, "? wait SECONDS"
// advances the clock.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import jsQR from "jsqr";
import { launch, patience, watch } from "./chromium.mjs";
import { pixels } from "./png.mjs";

const [origin, email, mode, language, width, folder] = process.argv.slice(2);
const javaScriptEnabled = mode === "script";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [first, second] = ["a password to begin with", "one that came by mail"];

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (what) => {
  process.stdout.write(`? ${what}\n`);
  return JSON.parse((await answers.next()).value);
};

const browser = await launch();
const problems = [];
let at = "";
const expect = (condition, what) => condition || problems.push(`${at}: ${what}`);

const context = await browser.newContext({
  javaScriptEnabled, locale: language, viewport: { width: Number(width), height: 900 },
  // During a transition colours have less contrast.
  reducedMotion: "reduce",
});
context.setDefaultTimeout(patience);
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`);
  });
});
const page = await context.newPage();
watch(page, (what) => problems.push(`${at}: ${what}`));

let pictures = 0;
const look = async (name) => {
  at = name;
  const tag = await page.locator("html").getAttribute("lang");
  expect(tag === language, `the page is in ${tag}`);
  const excess = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(excess <= 0, `${excess} px too wide`);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    if (javaScriptEnabled) {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      for (const { id, nodes } of violations) {
        problems.push(`${at}, ${colorScheme}: axe ${id}: ${nodes[0].html}`);
      }
    }
    if (folder) {
      const number = String(pictures).padStart(2, "0");
      const path = `${folder}/account-${mode}-${language}-${number}-${name}-${colorScheme}.png`;
      await page.screenshot({ path, fullPage: true });
    }
  }
  pictures += 1;
};
const path = () => new URL(page.url()).pathname;
const arrived = (wanted) => {
  if (path() !== wanted) throw new Error(`${at}: at ${path()}, not at ${wanted}`);
};
const open = (where) => page.goto(`${origin}${where}`);
const click = (selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);
const submit = (action) =>
  click(`form:not([data-passkey])[action*="${action}"] button[type=submit]`);
const refused = async (name) => {
  expect(await page.isVisible("[role=alert]"), `${name}: nothing says what is wrong`);
  await look(name);
};
const signOut = async () => {
  await open("/account");
  await submit("/logout");
};
const typePassword = async (password) => {
  await open("/login");
  await page.fill("#login", email);
  await page.fill("#password", password);
  await submit("/login");
};
const typeCode = async (code, action) => {
  await page.fill("#code", code);
  await submit(action);
};

// Sign up: the address, the mailed code, the account.
await open("/login");
await look("login");
await click("a[href*='/signup']");
await look("sign-up");
await page.fill("#email", email);
await ask("wait 3");
await submit("/signup");
await look("sign-up-code");
await typeCode("0000 0000", "/signup/code");
await refused("sign-up-wrong-code");
await typeCode(await ask("mailed"), "/signup/code");
await look("sign-up-account");
expect((await page.inputValue("#login")) === email, "the login is not the address");
await page.fill("#password", "password");
await submit("/signup");
await refused("sign-up-weak-password");
await page.fill("#password", first);
await page.fill("#name", "Ada");
await submit("/signup");
arrived("/account");
await look("account");

// Sign in, and turn on two-step sign-in.
await signOut();
await look("signed-out");
await typePassword(first);
arrived("/account");
await open("/account/security");
await look("security");
await submit("/account/security/totp");
await look("totp");
const secret = (await page.locator(".groups code").innerText()).replaceAll(" ", "");
const uri = await page.locator("a[href^='otpauth:']").getAttribute("href");
expect(new URL(uri).searchParams.get("secret") === secret, `${uri} has another secret`);
// An app reads the code in both colour schemes: black on white, with four white modules around it.
const side = Number((await page.locator("svg.qr").getAttribute("viewBox")).split(" ")[2]);
for (const colorScheme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme });
  const { width, height, data } = pixels(await page.locator("svg.qr").screenshot());
  const read = jsQR(data, width, height, { inversionAttempts: "dontInvert" })?.data;
  expect(read === uri, `the code says ${read} in the ${colorScheme} scheme, not ${uri}`);
  const middle = Math.floor(height / 2) * width * 4;
  const quiet = data.subarray(middle, middle + Math.floor((4 * width) / side - 1) * 4);
  expect(quiet.every((value) => value === 255), `no quiet zone in the ${colorScheme} scheme`);
}
await typeCode("000000", "/totp/confirm");
await refused("totp-wrong-code");
await typeCode(await ask(`code ${secret}`), "/totp/confirm");
await look("recovery-codes");
const codes = await page.locator(".onetimes code").allInnerTexts();
expect(codes.length > 3, `${codes.length} recovery codes`);
await signOut();

// Sign in with the app; then without it, because the phone is lost.
await typePassword(first);
arrived("/login/verify");
await look("verify");
await ask("wait 60");
await typeCode(await ask(`code ${secret}`), "/login/verify");
arrived("/account");
await signOut();
await typePassword(first);
await click("a[href*='method=recovery_code']");
await look("verify-recovery");
await typeCode(codes[0], "/login/verify");
arrived("/account");
await signOut();

// The password is forgotten.
await open("/login");
await click("a[href*='/recover']");
await look("recover");
await page.fill("#email", email);
await submit("/recover");
await look("recover-code");
await typeCode(await ask("mailed"), "/recover/code");
await look("recover-password");
await page.fill("#new_password", second);
await typeCode(codes[1], "/recover/password");
arrived("/login");
await look("recovered");
await typePassword(first);
await refused("old-password");
await typePassword(second);
// The app shows a different code than before.
await ask("wait 60");
await typeCode(await ask(`code ${secret}`), "/login/verify");
arrived("/account");

// A passkey, if scripts run; without scripts the control is absent.
await open("/account/security");
const session = await context.newCDPSession(page);
if (javaScriptEnabled) {
  await session.send("WebAuthn.enable");
  await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  await page.reload();
  await page.waitForSelector("form[data-passkey=create]:not([hidden])");
  await click("form[data-passkey=create] button[type=submit]");
  await open("/account/security");
  await look("security-with-passkey");
  await signOut();
  await open("/login");
  // The conditional request of the page may have completed already.
  if (path() !== "/account") {
    await page.click("form[data-passkey] button[type=submit]").catch(() => {});
    await page.waitForURL(`${origin}/account`);
  }
  arrived("/account");
} else {
  await look("security-with-app");
  expect(!(await page.isVisible("form[data-passkey]")), "a control that does nothing");
}

// Export of the data, and deletion.
await open("/account/history");
await look("history");
await open("/account/export");
await look("export");
await open("/account/delete");
await look("delete");
await page.fill("#login", "somebody else");
await submit("/account/delete");
await refused("delete-other-name");
await page.fill("#login", email);
await submit("/account/delete");
await look("deleted");
// A virtual device answers the conditional request of every page at once, also with a removed passkey.
if (javaScriptEnabled) await session.send("WebAuthn.disable");
await typePassword(second);
await refused("no-account");
await browser.close();

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
process.exit(0);
