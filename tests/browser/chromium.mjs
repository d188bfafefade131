// Helpers of the scripts that control a real Chromium.
import { chromium } from "playwright-core";

/** Milliseconds after which a step counts as hung; generous, because the machine may be busy. */
export const patience = 120_000;

/** A Chromium without background requests, with further arguments. */
export const launch = (more = []) =>
  chromium.launch({
    timeout: patience,
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", ...more,
    ],
  });

/** Reports errors on the console of a page, and requests to other origins if `origin` is given. */
export function watch(page, report, origin = "") {
  page.on("console", (message) => {
    // A refused form is a 4xx, which Chromium reports as an error too.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) {
      report(`console: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => report(`${error}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) report(`a request left the origin: ${request.url()}`);
  });
}

/** Types a text into each field of a form, beginning with the one that has the focus, and submits the form. */
export async function typed(page, ...texts) {
  // A page gets the focus with its first frame, which may follow the load; keys pressed before are lost.
  await page.waitForSelector("input:focus");
  for (const [index, text] of texts.entries()) {
    if (index > 0) await page.keyboard.press("Tab");
    if (text) await page.keyboard.type(text);
  }
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
}
