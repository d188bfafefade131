// The page: what is pasted is judged and shown. Nothing is stored or sent; the keys are fetched once, when the page is
// loaded, and the feed of revocations only at the press of a button. Texts of tokens are set as text, never as markup.
const [tokenField, audienceField, keysField] = ["token", "audience", "keys"].map((id) => document.getElementById(id));
const [verdictBox, detailsBox] = ["verdict", "details"].map((id) => document.getElementById(id));

let keys = null;
// What was pasted last is what counts, however long a check takes.
let turn = 0;

const element = (tag, { text, children = [], ...properties } = {}) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...(text === undefined ? children : [text]));
  return made;
};

const nowInSeconds = () => Math.floor(Date.now() / 1000);
// Never a cookie, never a referrer. Another origin than that of the page is out of reach by its policy.
const load = (url) => fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-cache" });

// The opaque secret whose prefix the text has. Signed tokens have dots, secrets have none.
const secretOf = (text) => (text.includes(".") ? undefined : settings.secrets.find(({ prefix }) => text.startsWith(prefix)));

// The whole in one sentence: the first failure, or what could not be checked, or that nothing is wrong.
const conclude = ({ token, checks, now }) => {
  const failure = checks.find(({ ok }) => ok === false);
  const answer = (name) => checks.find(({ check }) => check === name);
  const isForeign = answer("issuer").ok === false && answer("signature").ok === null;
  if (isForeign && failure.code !== "malformed") {
    const issuer = quoted(textOf(token.claims, "iss"));
    return { ...failure, state: "bad", title: t("inspect.verdict.foreign", { issuer }), said: t("inspect.verdict.foreign_detail") };
  }
  if (failure) {
    const title = failure.code ? t(`inspect.code.${failure.code}`) : t("inspect.verdict.revoked");
    return { ...failure, state: "bad", title };
  }
  if (answer("signature").ok === null) {
    const isSecret = textOf(token.header, "alg") === "HS256" && keys;
    const title = t(isSecret ? "inspect.verdict.secret_key" : "inspect.verdict.unverified");
    return { state: "open", title, said: answer("signature").said || answer("key").said };
  }
  const expires = { distance: distance(timeOf(token.claims, "exp"), now), aud: quoted(textOf(token.claims, "aud")) };
  const audience = answer("audience").ok ? "" : ` ${t("inspect.verdict.good_audience", expires)}`;
  const revocation = answer("revocation").ok ? "" : ` ${t("inspect.verdict.good_revocation")}`;
  return { state: "good", title: t("inspect.verdict.good"), said: t("inspect.verdict.good_detail", expires) + audience + revocation };
};

const showVerdict = ({ state, code, title, said }) => {
  const box = element("div", { className: `verdict ${state}`, children: [element("h2", { text: title }), element("p", { text: said })] });
  if (code) {
    const parts = [`${t("inspect.code")} `, element("code", { text: code }), ` · ${t("inspect.explained")} `, element("code", { text: settings.codes[code] })];
    box.append(element("p", { className: "quiet", children: parts }));
  }
  Object.assign(verdictBox.dataset, { state, code: code ?? "" });
  verdictBox.replaceChildren(box);
};

const section = (key, ...children) => element("section", { children: [element("h2", { text: t(key) }), ...children] });

const checkItem = ({ check, ok, code, said }) => {
  const state = { true: "passed", false: "failed" }[ok] ?? "open";
  const name = element("p", {
    className: "name",
    children: [t(`inspect.check.${check}`), element("span", { className: "visually-hidden", text: `: ${t(`inspect.state.${state}`)}` })],
  });
  const item = element("li", { className: state, children: [name, element("p", { text: said || t("inspect.state.impossible") })] });
  if (code) name.append(" ", element("code", { text: code }));
  item.dataset.check = check;
  return item;
};

const TIMES = ["exp", "iat", "nbf", "auth_time"];

// A member with what it means and, if it is a time, when that is here.
const memberRows = (object, now) =>
  Object.entries(object?.value ?? {}).flatMap(([name, value]) => {
    const term = element("dt", { children: [element("code", { text: visible(name) })] });
    const meaning = has(`inspect.claim.${name}`) ? t(`inspect.claim.${name}`) : "";
    if (meaning) term.append(element("span", { className: "quiet", text: meaning }));
    const text = isText(value) ? value : JSON.stringify(value);
    const description = element("dd", { children: [element("code", { text: visible(text), dir: "ltr" })] });
    const seconds = TIMES.includes(name) ? timeOf(object, name) : null;
    if (seconds !== null) description.append(element("span", { className: "quiet", text: `${localTime(seconds)} · ${distance(seconds, now)}` }));
    return [term, description];
  });

const members = (key, object, now) => (object ? [section(key, element("dl", { children: memberRows(object, now) }))] : []);

const show = (judged) => {
  const { token, checks, now } = judged;
  showVerdict(conclude(judged));
  const list = element("ul", { className: "checks", children: checks.map(checkItem) });
  const ask = element("button", { type: "button", className: "secondary", id: "revoked", text: t("inspect.revocation.ask") });
  ask.addEventListener("click", () => askForRevocation(judged));
  const mayAsk = settings.feed && location.protocol !== "file:" && checks.find(({ check }) => check === "signature")?.ok;
  const about = mayAsk ? [ask, element("p", { className: "quiet", text: t("inspect.revocation.hint") })] : [];
  const as_of = element("p", { className: "quiet", text: t("inspect.as_of", { time: localTime(now) }) });
  detailsBox.replaceChildren(
    section("inspect.checks", list, ...about, as_of),
    ...members("inspect.header", token.header, now),
    ...members("inspect.claims", token.claims, now),
  );
};

// The keys may have changed since the page was loaded, and the feed may be signed with a new one.
const askForRevocation = async (judged) => {
  const mine = turn;
  const answer = async () => {
    const [feed] = await Promise.all([load(settings.feed), loadKeys()]);
    const read = feed.ok ? await readFeed(await feed.text(), keys, nowInSeconds()) : null;
    return read ? checkRevocation(judged.token, read) : unknown("revocation", t("inspect.revocation.unusable"));
  };
  const found = await answer().catch(() => unknown("revocation", t("inspect.revocation.unreachable")));
  if (mine !== turn) return;
  show({ ...judged, checks: judged.checks.map((check) => (check.check === "revocation" ? found : check)) });
  // The button that had the focus was replaced.
  document.getElementById("revoked")?.focus();
};

const judge = async () => {
  const mine = ++turn;
  const [text, now] = [bareToken(tokenField.value), nowInSeconds()];
  if (text === "") return forget();
  const secret = secretOf(text);
  if (secret) {
    const title = t(`inspect.secret.${secret.kind}`);
    detailsBox.replaceChildren();
    return showVerdict({ state: "bad", code: secret.code, title, said: t("inspect.verdict.secret") });
  }
  const token = readToken(text, settings.max_bytes);
  const checks = await checksOf(token, { keys, audience: audienceField.value.trim(), now });
  checks.push(unknown("revocation", t(settings.feed ? "inspect.revocation.unasked" : "inspect.revocation.no_feed")));
  if (mine === turn) show({ token, checks, now });
};

const forget = () => {
  turn += 1;
  delete verdictBox.dataset.state;
  delete verdictBox.dataset.code;
  verdictBox.replaceChildren();
  detailsBox.replaceChildren();
};

const clear = () => {
  tokenField.value = "";
  audienceField.value = "";
  forget();
};

const readKeys = (text) => {
  try {
    const found = JSON.parse(text).keys;
    return Array.isArray(found) ? found.filter(isObject) : null;
  } catch {
    return null;
  }
};

const loadKeys = async () => {
  const answer = await load(settings.jwks);
  keys = (answer.ok && readKeys(await answer.text())) || keys;
};

// On a page that was saved to disk, or while the server is away, the keys are pasted.
const start = async () => {
  clear();
  inspector.hidden = false;
  tokenField.focus();
  for (const field of [tokenField, audienceField]) field.addEventListener("input", judge);
  keysField.addEventListener("input", () => {
    keys = readKeys(keysField.value);
    judge();
  });
  document.getElementById("clear").addEventListener("click", () => {
    clear();
    tokenField.focus();
  });
  window.addEventListener("pagehide", clear);
  if (location.protocol !== "file:") await loadKeys().catch(() => {});
  keysField.closest(".field").hidden = keys !== null;
  inspector.dataset.ready = "true";
  if (tokenField.value !== "") judge();
};

start();
