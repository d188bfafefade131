// Adds and uses passkeys in a real Chromium with a virtual authenticator: the button, autofill and the second factor;
// then the same pages without JavaScript. Reports findings of axe-core and everything that the policy blocks.
//
// Usage: node passkeys.mjs ORIGIN LOGIN OTHER_LOGIN PASSWORD [SCREENSHOT_FOLDER]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, patience, watch } from "./chromium.mjs";

const [origin, login, other, password, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await launch();
const problems = [];
const expect = (condition, what) => condition || problems.push(what);

// A page of a new browser; with `javaScriptEnabled`, it has a virtual authenticator.
const open = async (options = {}) => {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  watch(page, (what) => problems.push(what));
  return { context, page };
};
const authenticator = async (page, credentials = []) => {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  for (const credential of credentials) {
    await session.send("WebAuthn.addCredential", { authenticatorId, credential });
  }
  const stored = async () =>
    (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
  const verified = (isUserVerified) =>
    session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
  return { stored, verified };
};
const path = (page) => new URL(page.url()).pathname;
const typed = async (page, name) => {
  await page.goto(`${origin}/login`);
  await page.fill("#login", name);
  await page.fill("#password", password);
  await Promise.all([page.waitForNavigation(), page.click("form:not([data-passkey]) button.whole")]);
};
const look = async (page, what) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, nodes } of violations) problems.push(`${what}: axe ${id}: ${nodes[0].html}`);
  if (folder) await page.screenshot({ path: `${folder}/${what}.png`, fullPage: true });
};
const enrol = async (page, ticked) => {
  await page.goto(`${origin}/account/security`);
  await page.waitForSelector("form[data-passkey=create]:not([hidden])");
  await look(page, "passkeys-none");
  if (ticked) await page.check("#second-factor");
  await Promise.all([page.waitForNavigation(), page.click("form[data-passkey=create] button")]);
  expect((await page.locator("h1").innerText()).length > 0, "no heading after the enrolment");
};

// Enrolment, then the button, then autofill, which resolves at once with a virtual authenticator.
const first = await open();
const device = await authenticator(first.page);
await typed(first.page, login);
await enrol(first.page, false);
const credentials = await device.stored();
expect(credentials.length === 1, `${credentials.length} credentials on the device`);
expect(credentials[0]?.isResidentCredential, "the credential cannot be found by itself");
await first.page.goto(`${origin}/account/security`);
await look(first.page, "passkeys-one");
await first.context.close();

// The expiry of the sign-in cookie: -1 for a session cookie.
const keptUntil = async (context) =>
  (await context.cookies()).find(({ name }) => name.endsWith("signet_session"))?.expires;

const autofill = await open();
const used = await authenticator(autofill.page, credentials);
await autofill.page.goto(`${origin}/login`);
// Either the conditional request or the button completes the sign-in.
try {
  await autofill.page.waitForURL(`${origin}/account`, { timeout: 5_000 });
} catch {
  await Promise.all([
    autofill.page.waitForURL(`${origin}/account`), autofill.page.click("form[data-passkey] button"),
  ]);
}
expect(path(autofill.page) === "/account", `after autofill: ${path(autofill.page)}`);
expect((await keptUntil(autofill.context)) === -1, "a sign-in stays without a tick");
const counted = await used.stored();
await autofill.context.close();

// The checkbox is in the form of the password, and applies to the passkey too. The device is added after it is checked.
const staying = await open();
await staying.page.goto(`${origin}/login`);
await staying.page.waitForSelector("form[data-passkey]:not([hidden])");
await staying.page.check("#stay");
await look(staying.page, "login-stay");
await authenticator(staying.page, counted);
try {
  await staying.page.waitForURL(`${origin}/account`, { timeout: 5_000 });
} catch {
  await Promise.all([
    staying.page.waitForURL(`${origin}/account`), staying.page.click("form[data-passkey] button"),
  ]);
}
expect((await keptUntil(staying.context)) > Date.now() / 1000, "a passkey forgets the tick");
await staying.context.close();

// A device without a passkey for this site: the page reports it, and the password still works.
const without = await open();
const empty = await authenticator(without.page);
await empty.verified(false);
await without.page.goto(`${origin}/login`);
await without.page.waitForSelector("form[data-passkey]:not([hidden])");
await look(without.page, "login-passkey");
await without.page.click("form[data-passkey] button");
await without.page.waitForSelector("form[data-passkey] [data-error]:not([hidden])");
await look(without.page, "login-passkey-failed");
await typed(without.page, login);
expect(path(without.page) === "/account", `after the password: ${path(without.page)}`);
await without.context.close();

// As the second factor of the other user. The device is added after the password: the virtual device would answer the
// conditional request of the first page.
const enrolling = await open();
const own = await authenticator(enrolling.page);
await typed(enrolling.page, other);
await enrol(enrolling.page, true);
const code = (await enrolling.page.locator(".onetimes code").first().innerText()).trim();
const others = await own.stored();
await enrolling.context.close();
const second = await open();
await typed(second.page, other);
expect(path(second.page) === "/login/verify", `after the password: ${path(second.page)}`);
await authenticator(second.page, others);
await second.page.reload();
await second.page.waitForSelector("form[data-passkey]:not([hidden])");
await look(second.page, "verify-passkey");
await Promise.all([
  second.page.waitForURL(`${origin}/account`), second.page.click("form[data-passkey] button"),
]);
await second.context.close();

// Without JavaScript: no passkey controls, and a recovery code works.
const plain = await open({ javaScriptEnabled: false, viewport: { width: 320, height: 800 } });
await plain.page.goto(`${origin}/login`);
expect(!(await plain.page.isVisible("form[data-passkey]")), "a control that does nothing: /login");
await typed(plain.page, other);
expect(path(plain.page) === "/login/verify", `without JavaScript: ${path(plain.page)}`);
expect(!(await plain.page.isVisible("form[data-passkey]")), "a control that does nothing: verify");
await plain.page.fill("#code", code);
await Promise.all([plain.page.waitForNavigation(), plain.page.click("button.whole:visible")]);
expect(path(plain.page) === "/account", `after the recovery code: ${path(plain.page)}`);
await plain.page.goto(`${origin}/account/security`);
expect(!(await plain.page.isVisible("form[data-passkey]")), "a control that does nothing: security");
await plain.context.close();
await browser.close();

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
