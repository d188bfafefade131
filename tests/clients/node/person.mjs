// A simulated user with a browser without scripts: keeps cookies, follows redirects, fills in forms by the
// names of their fields. It knows the issuer's origin and none of its paths.

/** Stops the script with a message unless `condition` holds. */
export function expect(condition, what) {
  if (!condition) throw new Error(what);
}

/** Stops the script unless `promise` fails in the way `check` describes. */
export async function refused(promise, what, check) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  expect(error, `${what} was accepted`);
  expect(check(error), `${what} was refused in another way: ${error} ${JSON.stringify(error)}`);
}

/** Runs every step of a script in turn and names the one that fails. */
export async function steps(all) {
  for (const [name, step] of Object.entries(all)) {
    try {
      await step();
    } catch (error) {
      console.error(`${name}:`, error);
      process.exit(1);
    }
  }
  // Handles that a library keeps open must not keep the script alive.
  process.exit(0);
}

const unescape = (text) => text
  .replace(/&#x([0-9a-f]+);/gi, (_, digits) => String.fromCodePoint(Number.parseInt(digits, 16)))
  .replace(/&#(\d+);/g, (_, digits) => String.fromCodePoint(Number(digits)))
  .replace(/&quot;/g, '"').replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag);
  return found && unescape(found[1]);
};

/** The forms of a page: targets, initial values, buttons. */
function forms(html) {
  return [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => {
    const tags = (name) => [...form.matchAll(new RegExp(`<${name}\\b[^>]*>`, "g"))].map(([tag]) => tag);
    const named = tags("input").filter((tag) => attribute(tag, "name"));
    return {
      action: attribute(form, "action"),
      fields: Object.fromEntries(
        named.map((tag) => [attribute(tag, "name"), attribute(tag, "value") ?? ""]),
      ),
      decides: tags("button").some((tag) => attribute(tag, "name") === "decision"),
    };
  });
}

export class Person {
  #cookies = new Map();
  /** The pages seen so far, by the action taken there. */
  seen = [];

  constructor(issuer, login, password) {
    this.origin = new URL(issuer).origin;
    this.login = login;
    this.password = password;
  }

  async #send(url, form) {
    const response = await fetch(url, {
      method: form ? "POST" : "GET",
      redirect: "manual",
      headers: {
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(form && { origin: this.origin, "sec-fetch-site": "same-origin" }),
      },
      body: form && new URLSearchParams(form),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair, ...rest] = cookie.split(";");
      const at = pair.indexOf("=");
      const gone = rest.some((part) => /^\s*max-age=0$/i.test(part));
      if (gone) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** The user's action on the page: the form, and its values. */
  #choose(html, decision) {
    const all = forms(html);
    const form = all.find(({ fields, decides }) => "password" in fields || decides)
      ?? all.find(({ fields }) => "user_code" in fields)
      ?? all.find(({ action }) => /^https?:/.test(action));
    if (!form) return undefined;
    const { fields } = form;
    if ("password" in fields) {
      this.seen.push("login");
      Object.assign(fields, { login: this.login, password: this.password });
    } else if (form.decides) {
      this.seen.push("decision");
      fields.decision = decision;
    } else {
      this.seen.push("user_code" in fields ? "code" : "form");
    }
    return form;
  }

  /**
   * Opens an address and continues until a page has no next step (`{ html, status }`) or leaves the
   * issuer: `{ url }` for a redirect, `{ url, form }` for a form that is sent there.
   */
  async visit(address, decision = "allow") {
    let url = new URL(address);
    let response = await this.#send(url);
    for (let hop = 0; hop < 20; hop += 1) {
      const location = response.headers.get("location");
      if (location) {
        url = new URL(location, url);
        if (url.origin !== this.origin) return { url };
        response = await this.#send(url);
        continue;
      }
      const html = await response.text();
      const form = this.#choose(html, decision);
      if (!form) return { html, status: response.status };
      url = new URL(form.action, url);
      if (url.origin !== this.origin) return { url, form: form.fields };
      response = await this.#send(url, form.fields);
    }
    throw new Error(`no end of pages at ${url}`);
  }

  /** The complete flow from an authorization request to the client's redirect URI. */
  async authorize(address, decision) {
    const { url, status, html } = await this.visit(address, decision);
    expect(url, `the way ends at a page: ${status} ${html}`);
    return url;
  }
}
