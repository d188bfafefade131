// A person in front of Signet's pages: keeps cookies, fills in forms, says yes.
export class Person {
  cookies = new Map();

  constructor(issuer, login, password) {
    Object.assign(this, { issuer, login, password });
  }

  async fetch(url, form) {
    const response = await fetch(url, {
      method: form ? "POST" : "GET",
      redirect: "manual",
      headers: { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      body: form && new URLSearchParams(form),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  // Goes where the application sends; the address at which the application gets its answer, or the
  // form that is posted there.
  async visit(url) {
    let response = await this.fetch(url);
    for (let step = 0; step < 10; step += 1) {
      const location = response.headers.get("location");
      if (location) {
        const next = new URL(location, this.issuer);
        if (next.origin !== new URL(this.issuer).origin) return next;
        response = await this.fetch(next);
        continue;
      }
      const html = await response.text();
      const field = (name) => unescape(new RegExp(`name="${name}" value="([^"]*)"`).exec(html)[1]);
      const form = (action) => html.includes(`action="${action}"`);
      if (form("/login") && response.status === 200) {
        const fields = { flow: field("flow"), login: this.login, password: this.password };
        response = await this.fetch(`${this.issuer}/login`, fields);
      } else if (form("/consent")) {
        const fields = { flow: field("flow"), decision: "allow" };
        response = await this.fetch(`${this.issuer}/consent`, fields);
      } else if (form("/device")) {
        const fields = { flow: field("flow"), user_code: field("user_code") };
        response = await this.fetch(`${this.issuer}/device`, fields);
      } else if (html.includes("/assets/submit.js")) {
        const fields = [...html.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)];
        return {
          action: unescape(/<form[^>]* action="([^"]*)"/.exec(html)[1]),
          fields: new URLSearchParams(fields.map(([, name, value]) => [name, unescape(value)])),
        };
      } else {
        return { status: response.status, html };
      }
    }
    throw new Error("no end of pages");
  }
}

function unescape(text) {
  return text
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCharCode(parseInt(code, 16)))
    .replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, "\"").replace(/&amp;/g, "&");
}

export function expect(condition, what) {
  if (!condition) throw new Error(what);
}
