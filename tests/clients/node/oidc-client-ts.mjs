// The library oidc-client-ts in a real Chromium, in a page of another origin than the issuer's: a log-in,
// userinfo, concurrent refreshes in several tabs, automatic refreshes, a bound session, a log-out.
//
// Usage: node oidc-client-ts.mjs SCENARIO_JSON
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { expect, steps } from "./person.mjs";

const { issuer, login, password, sub, callback, goodbye, port, clients } =
  JSON.parse(readFileSync(process.argv[2], "utf8"));
const entry = fileURLToPath(import.meta.resolve("oidc-client-ts"));
const library = readFileSync(entry.replace(/dist\/.*/, "dist/browser/oidc-client-ts.min.js"));
const home = new URL("/", callback).href;

// The page contains only the library; the steps below control it.
const settings = {
  authority: issuer,
  client_id: clients.public.client_id,
  redirect_uri: callback,
  post_logout_redirect_uri: goodbye,
  scope: "openid profile roles",
  loadUserInfo: true,
};
const html = `<!doctype html><html lang="en"><title>app</title><link rel="icon" href="data:,">
<script src="/library.js"></script><script>
const store = new oidc.WebStorageStateStore({ store: localStorage });
const settings = ${JSON.stringify(settings)};
// On request, a token is renewed 5 seconds after it was issued instead of a minute before its expiry.
const automaticSilentRenew = location.search === "?renew";
const accessTokenExpiringNotificationTimeInSeconds = automaticSilentRenew ? 595 : 60;
const manager = new oidc.UserManager({
  ...settings, userStore: store, automaticSilentRenew, accessTokenExpiringNotificationTimeInSeconds,
});
const renewed = [], failed = [];
manager.events.addUserLoaded((user) => renewed.push(user.refresh_token));
manager.events.addSilentRenewError((error) => failed.push(String(error)));
if (opener && location.pathname === "${new URL(callback).pathname}") manager.signinPopupCallback();
</script><h1>app</h1></html>`;
const app = createServer((request, response) => {
  const script = request.url === "/library.js";
  response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
  response.end(script ? library : html);
});
await new Promise((ready) => app.listen(port, "localhost", ready));

// The time after which a step counts as hung; generous, because the machine may be busy.
const patience = 120_000;
const browser = await chromium.launch({
  timeout: patience,
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const context = await browser.newContext();
context.setDefaultTimeout(patience);
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`);
  });
});
const problems = [];
// A refused request is a 4xx, which Chromium reports as an error; a step declares the ones that it expects.
const refused = [];
// The successor of each refresh token.
const exchanges = [];

async function open(address = home) {
  const page = await context.newPage();
  page.on("console", (message) => {
    // Browsers request an icon on their own.
    if (message.type() !== "error" || message.location().url.endsWith("/favicon.ico")) return;
    if (/status of 40\d/.test(message.text())) refused.push(message.location().url);
    else problems.push(`console: ${message.text()}`);
  });
  page.on("requestfinished", (request) => {
    const sent = new URLSearchParams(request.postData() ?? "").get("refresh_token");
    if (!sent || !request.url().endsWith("/token")) return;
    exchanges.push(request.response().then((response) => response.json()).then(
      ({ refresh_token: got }) => ({ sent, got }),
      // Responses to a closed tab are lost.
      () => undefined,
    ));
  });
  page.on("pageerror", (error) => problems.push(`page: ${error}`));
  await page.goto(address);
  return page;
}

/** From the application to the issuer, through its pages, and back to `address`. */
async function through(page, begin, address, pages) {
  // The script is not awaited: the page in which it runs is being left.
  await page.evaluate(`void (${begin})()`);
  for (const next of pages) await next(page);
  await page.waitForURL((url) => url.href.startsWith(address));
}

const signIn = async (page) => {
  await page.fill("#login", login);
  await page.fill("#password", password);
  await page.click("button[type=submit]");
};
const allow = (page) => page.click("button[value=allow]");

const look = (user) => ({
  sub: user.profile.sub, name: user.profile.preferred_username, access: user.access_token,
  refresh: user.refresh_token, expires: user.expires_in, state: user.state,
});
/** The user in the page's library, or the one just obtained by `how`. */
const user = (page, how) => page.evaluate(
  `manager.${how}.then((user) => user && (${look.toString()})(user))`,
);

const page = await open();
let first;

await steps({
  "a log-in": async () => {
    await through(page, () => manager.signinRedirect({ state: "where I was" }), callback, [signIn, allow]);
    first = await user(page, "signinRedirectCallback()");
    expect(first.sub === sub && first.name === login, `the user is ${JSON.stringify(first)}`);
    expect(first.state === "where I was", `the state is ${first.state}`);
    expect(first.refresh?.startsWith("srt_"), "no refresh token");
    await page.goto(home);
    expect((await user(page, "getUser()")).access === first.access, "the log-in was not kept");
  },

  "a refresh": async () => {
    const next = await user(page, "signinSilent()");
    expect(next.access !== first.access && next.refresh !== first.refresh, "nothing changed");
    expect(next.sub === sub && next.name === login, `the user is ${JSON.stringify(next)}`);
  },

  "three tabs at once": async () => {
    const tabs = [page, await open(), await open()];
    for (let round = 0; round < 3; round += 1) {
      const users = await Promise.all(tabs.map((tab) => user(tab, "signinSilent()")));
      expect(users.every((one) => one?.sub === sub), `round ${round}: ${JSON.stringify(users)}`);
    }
    // A token has one successor, however many tabs have sent it, in any order.
    const successors = new Map();
    for (const { sent, got } of (await Promise.all(exchanges)).filter(Boolean)) {
      expect(got && (successors.get(sent) ?? got) === got, `${sent} got another: ${got}`);
      successors.set(sent, got);
    }
    expect(successors.size > 3, `only ${successors.size} tokens were shown`);
    const after = await user(tabs[2], "signinSilent()");
    expect(after.sub === sub, "the tabs have logged one another out");
    for (const tab of tabs.slice(1)) await tab.close();
  },

  "three tabs that renew by themselves": async () => {
    const tabs = await Promise.all([1, 2, 3].map(() => open(`${home}?renew`)));
    for (const tab of tabs) await tab.waitForFunction(() => renewed.length + failed.length > 0);
    for (const tab of tabs) {
      const errors = await tab.evaluate(() => failed);
      expect(errors.length === 0, `a renewal failed: ${errors}`);
      await tab.close();
    }
    expect((await user(page, "signinSilent()")).sub === sub, "logged out after it");
  },

  "a script of its own": async () => {
    // Requests that the page may send directly, with readable responses: CORS and its preflight.
    const answers = await page.evaluate(async () => {
      const { access_token: token } = await manager.getUser();
      const metadata = await manager.metadataService.getMetadata();
      const headers = { authorization: `Bearer ${token}` };
      const good = await fetch(metadata.userinfo_endpoint, { headers });
      const posted = await fetch(metadata.userinfo_endpoint, { headers, method: "POST" });
      const keys = await fetch(metadata.jwks_uri);
      const bad = await fetch(metadata.userinfo_endpoint, { headers: { authorization: "Bearer x" } });
      return {
        good: good.status, posted: posted.status, keys: keys.status, bad: bad.status,
        challenge: bad.headers.get("www-authenticate"),
      };
    });
    expect(answers.good === 200 && answers.posted === 200 && answers.keys === 200
      && answers.bad === 401 && /invalid_token/.test(answers.challenge), JSON.stringify(answers));
    expect(refused.join() === `${issuer}/oauth2/userinfo`, `refused: ${refused}`);
  },

  "a second log-in, unasked": async () => {
    await page.evaluate(() => manager.removeUser());
    await through(page, () => manager.signinRedirect({ prompt: "none" }), callback, []);
    const again = await user(page, "signinRedirectCallback()");
    expect(again.sub === sub && again.refresh !== first.refresh, "the same session again");
  },

  "a pop-up": async () => {
    await page.goto(home);
    const opened = context.waitForEvent("page");
    // Waits in the opener until the pop-up has reported back, which needs its reference to the opener.
    const told = user(page, 'signinPopup({ prompt: "login" })');
    const popup = await opened;
    await signIn(popup);
    const again = await told;
    expect(again.sub === sub && again.refresh?.startsWith("srt_"), `the user is ${JSON.stringify(again)}`);
    if (!popup.isClosed()) await popup.waitForEvent("close");
  },

  "a key of one's own": async () => {
    await page.goto(home);
    await page.evaluate(() => {
      // The library calls userinfo without a proof, which would be refused, so it is not called here.
      window.bound = () => new oidc.UserManager({
        ...settings, loadUserInfo: false, userStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
        dpop: { bind_authorization_code: true, store: new oidc.IndexedDbDPoPStore() },
      });
    });
    const make = await page.evaluate(() => window.bound.toString());
    await through(page, () => window.bound().signinRedirect({ prompt: "none" }), callback, []);
    const types = await page.evaluate(`(async () => {
      const manager = (${make})();
      const user = await manager.signinRedirectCallback();
      const next = await manager.signinSilent();
      return [user.token_type, next.token_type, next.access_token !== user.access_token];
    })()`);
    expect(/^dpop,dpop,true$/i.test(types.join()), `with a key: ${types}`);
  },

  "a log-out": async () => {
    await page.goto(home);
    const tokens = await user(page, "getUser()");
    await through(page, () => manager.signoutRedirect({ state: "bye" }), goodbye, []);
    const state = await page.evaluate(async () => {
      const answer = await manager.signoutRedirectCallback();
      return [answer.userState, await manager.getUser()];
    });
    expect(JSON.stringify(state) === '["bye",null]', `after the log-out: ${JSON.stringify(state)}`);
    const gone = await page.evaluate(async (refresh_token) => {
      const metadata = await manager.metadataService.getMetadata();
      const body = new URLSearchParams({
        grant_type: "refresh_token", refresh_token, client_id: manager.settings.client_id,
      });
      const answer = await fetch(metadata.token_endpoint, { method: "POST", body });
      return { status: answer.status, ...await answer.json() };
    }, tokens.refresh);
    expect(gone.status === 400 && gone.error === "invalid_grant", JSON.stringify(gone));
    await through(page, () => manager.signinRedirect(), callback, [signIn]);
    expect((await user(page, "signinRedirectCallback()")).sub === sub, "no new log-in");
  },

  "nothing else": async () => {
    expect(refused.length === 2, `refused: ${refused}`);
    expect(problems.length === 0, problems.join("\n"));
    await browser.close();
    app.close();
  },
});
