// Old pages of a sign-in: several tabs, cleared cookies, the Back button. Each tab completes its own request, or
// restarts it when the user selects this.
//
// Usage: node kept.mjs ISSUER LOGIN PASSWORD CLIENT [SCREENSHOT_FOLDER]
// CLIENT has the redirect URI http://localhost:PORT/cb of the application that is started here on the port in
// APP_PORT, and its home page as client_uri.
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { launch, patience } from "./chromium.mjs";

const [issuer, login, password, client, folder] = process.argv.slice(2);
const port = Number(process.env.APP_PORT);
const problems = [];
let at = "";
const expect = (condition, what) => condition || problems.push(`${at}: ${what}`);

const got = [];
const answer = (request, response) => {
  if (request.url.startsWith("/cb")) got.push(new URL(request.url, "http://x").searchParams);
  response.writeHead(200, { "content-type": "text/html" });
  response.end("<!doctype html><html lang=en><title>app</title><h1>arrived</h1></html>");
};
const servers = [];
for (const host of ["localhost", "127.0.0.1"]) {
  const server = createServer(answer);
  servers.push(server);
  await new Promise((ready) => {
    server.once("error", ready);
    server.listen(port, host, ready);
  });
}

const browser = await launch();

function request(state) {
  const challenge = createHash("sha256").update(randomBytes(48)).digest("base64url");
  const params = new URLSearchParams({
    client_id: client, redirect_uri: `http://localhost:${port}/cb`, response_type: "code",
    scope: "openid profile", state, nonce: "no", code_challenge: challenge,
    code_challenge_method: "S256",
  });
  return `${issuer}/oauth2/authorize?${params}`;
}

const startAgain = "form.again button";
const submit = "main form[method=post] button[type=submit]";
async function signIn(page) {
  await page.fill("#login", login);
  await page.fill("#password", password);
  await page.click(submit);
}
const seen = async (page, name) => {
  if (folder) await page.screenshot({ path: `${folder}/kept-${name}.png`, fullPage: true });
};
async function arrived(page, state) {
  await page.waitForURL(/\/cb\?/);
  expect(got.at(-1)?.get("state") === state, `the answer to ${state} is ${got.at(-1)}`);
  expect(got.at(-1)?.get("code"), `no code for ${state}: ${got.at(-1)}`);
}

for (const javaScriptEnabled of [true, false]) {
  at = javaScriptEnabled ? "with scripts" : "without scripts";
  const context = await browser.newContext({ javaScriptEnabled });
  context.setDefaultTimeout(patience);
  const [one, two, three] = [await context.newPage(), await context.newPage(), await context.newPage()];
  for (const [page, state] of [[one, "one"], [two, "two"], [three, "three"]]) {
    await page.goto(request(state));
  }
  await context.clearCookies();

  // A form is refused after the browser's cookies were cleared, and the request can be continued.
  await signIn(one);
  await one.waitForSelector(startAgain);
  expect(!/arrived/.test(await one.content()), "something was sent to the application");
  const back = one.locator("p.again a");
  expect((await back.getAttribute("href")) === `http://localhost:${port}/`, "no way to the application");
  await seen(one, `refused-${javaScriptEnabled ? "script" : "plain"}`);
  await one.click(startAgain);
  await signIn(one);
  await one.waitForSelector("button[value=allow], h1:has-text('arrived')");
  if (await one.locator("button[value=allow]").count()) await one.click("button[value=allow]");
  await arrived(one, "one");

  // The page itself can restart the request; here it finds the sign-in of the other tab.
  await two.click(startAgain);
  await arrived(two, "two");

  // Back to the page, and submit it again.
  await three.reload();
  await arrived(three, "three");
  await two.goBack();
  await two.goForward();
  expect(/\/cb\?/.test(two.url()), `Back and Forward end at ${two.url()}`);

  // The browser is signed in at the account page: its cookies are sent there.
  await one.goto(`${issuer}/account`);
  expect(/\/account$/.test(new URL(one.url()).pathname), `the account is at ${one.url()}`);
  const cookies = await context.cookies(issuer);
  expect(cookies.length === 2, `cookies: ${cookies.map(({ name, path }) => `${name} ${path}`)}`);
  await context.close();
}

// A consent form that is sent twice.
at = "answered twice";
{
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  await page.goto(`${request("four")}&prompt=consent`);
  await signIn(page);
  await page.waitForSelector("button[value=allow]");
  await seen(page, "consent");
  const same = await context.newPage();
  await same.goto(page.url());
  await same.waitForSelector("button[value=allow]");
  await page.click("button[value=allow]");
  await arrived(page, "four");
  await same.click("button[value=allow]");
  await same.waitForSelector(startAgain);
  await seen(same, "answered");
  await same.click(startAgain);
  await same.click("button[value=allow]");
  await arrived(same, "four");
  await context.close();
}

await browser.close();
for (const server of servers) server.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
