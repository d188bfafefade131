// What `signet token why` checks (src/domain/token_diagnosis), in its order and with its codes, as far as the token, the
// public keys and a clock tell. Each answer says what was compared; `ok` is null where it cannot be said.
const passed = (check, said) => ({ check, ok: true, said });
const failed = (check, code, said) => ({ check, ok: false, code, said });
const unknown = (check, said = "") => ({ check, ok: null, said });

const isText = (value) => typeof value === "string";
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const member = (object, name) => (object && Object.hasOwn(object.value, name) ? object.value[name] : undefined);
const textOf = (object, name) => (isText(member(object, name)) ? member(object, name) : null);

// A NumericDate in the one form in which it is written: whole seconds before the year 10000, without fraction or exponent.
const timeOf = (claims, name) => {
  const raw = claims?.members.findLast((found) => found.name === name)?.raw;
  const seconds = /^(0|[1-9]\d*)$/.test(raw ?? "") ? Number(raw) : Infinity;
  return seconds < 253_402_300_800 ? seconds : null;
};

const checkForm = ({ flaw }) => {
  if (!flaw) return passed("form", t("inspect.form.ok"));
  if (flaw.what === "too_large") return failed("form", "too_large", t("inspect.form.too_large", { n: flaw.n }));
  const special = { 1: "inspect.form.no_dots", 5: "inspect.form.encrypted" };
  const key = flaw.what === "parts" ? special[flaw.n] : null;
  const part = flaw.part ? t(`inspect.part.${flaw.part}`) : "";
  return failed("form", "malformed", t(key ?? `inspect.form.${flaw.what}`, { n: flaw.n, part }));
};

const HEADER = ["alg", "kid", "typ"];

const checkHeader = ({ header }) => {
  if (!header) return unknown("header");
  const wrong = (said) => failed("header", "unexpected_header", said);
  const names = Object.keys(header.value);
  const missing = HEADER.filter((name) => !names.includes(name));
  if (missing.length > 0) return wrong(t("inspect.header.missing", { names: missing.join(", ") }));
  const more = names.filter((name) => !HEADER.includes(name)).slice(0, 5);
  if (more.length > 0) return wrong(t("inspect.header.more", { names: more.map(quoted).join(", ") }));
  const name = HEADER.find((name) => textOf(header, name) === null);
  if (name) return wrong(t("inspect.header.not_text", { name }));
  if (header.repeated.length > 0) return wrong(t("inspect.header.repeated"));
  return passed("header", t("inspect.header.ok"));
};

// Tokens for the issuer itself are of one type; an API may have chosen either.
const checkType = ({ header, claims }) => {
  const found = textOf(header, "typ");
  if (found === null) return unknown("type");
  const audience = textOf(claims, "aud");
  const isForApi = audience !== null && audience !== settings.issuer;
  const fits = found === "at+jwt" || (isForApi && found === "JWT");
  if (fits) return passed("type", t("inspect.type.ok", { found: quoted(found) }));
  return failed("type", "wrong_type", t("inspect.type.wrong", { found: quoted(found) }));
};

const checkKey = ({ header }, keys) => {
  const kid = textOf(header, "kid");
  if (kid === null) return unknown("key");
  if (!keys) return unknown("key", t("inspect.key.no_keys"));
  const key = keys.find((known) => known.kid === kid);
  if (key) return { ...passed("key", t("inspect.key.ok", { kid: quoted(kid) })), key };
  if (textOf(header, "alg") === "HS256") return unknown("key", t("inspect.key.secret"));
  return failed("key", "unknown_key", t("inspect.key.unknown", { kid: quoted(kid) }));
};

const checkAlgorithm = ({ header }, key) => {
  const found = textOf(header, "alg");
  if (found === null || !key) return unknown("algorithm");
  const values = { found: quoted(found), expected: quoted(key.alg) };
  if (found === key.alg) return passed("algorithm", t("inspect.algorithm.ok", values));
  return failed("algorithm", "wrong_algorithm", t("inspect.algorithm.wrong", values));
};

const checkSignature = async (token, key) => {
  if (!token.signature?.length || !key || textOf(token.header, "alg") !== key.alg) return unknown("signature");
  if (!crypto.subtle) return unknown("signature", t("inspect.signature.insecure"));
  const fits = await verifySignature(token, key);
  if (fits === null) return unknown("signature", t("inspect.signature.unsupported", { alg: quoted(key.alg) }));
  if (fits) return passed("signature", t("inspect.signature.ok"));
  return failed("signature", "bad_signature", t("inspect.signature.bad"));
};

const checkIssuer = ({ claims }) => {
  const found = textOf(claims, "iss");
  if (found === null) return unknown("issuer");
  const values = { found: quoted(found), issuer: quoted(settings.issuer) };
  if (found === settings.issuer) return passed("issuer", t("inspect.issuer.ok", values));
  return failed("issuer", "wrong_issuer", t("inspect.issuer.wrong", values));
};

// Which APIs are registered, only the server knows: without an audience to compare with, only the issuer is known.
const checkAudience = ({ claims }, asked) => {
  const found = textOf(claims, "aud");
  if (found === null) return unknown("audience");
  const values = { found: quoted(found), asked: quoted(asked) };
  if (asked && found === asked) return passed("audience", t("inspect.audience.ok", values));
  if (asked) return failed("audience", "wrong_audience", t("inspect.audience.wrong", values));
  if (found === settings.issuer) return passed("audience", t("inspect.audience.own"));
  return unknown("audience", t("inspect.audience.open", values));
};

const checkTime = (check, code, seconds, now, isRight) => {
  if (seconds === null) return unknown(check);
  const values = { time: localTime(seconds), distance: distance(seconds, now), now: localTime(now) };
  if (isRight(seconds)) return passed(check, t(`inspect.${check}.ok`, values));
  return failed(check, code, t(`inspect.${check}.wrong`, values));
};

// The claims of every access token (RFC 9068 §2.2), and `scope` and `sid`.
const TEXTS = ["iss", "sub", "aud", "jti", "client_id", "scope", "sid"];
const CLAIMS = [...TEXTS, "exp", "iat"];
// What a token need not have, and must have in this form if it does.
const OPTIONAL = {
  auth_time: Number.isInteger,
  acr: (value) => settings.assurance_levels.includes(value),
  amr: (value) => Array.isArray(value) && value.every(isText),
  cnf: (value) => isText(value.jkt),
};

// A client speaks in its own name, or acts in that of another client: no session vouches for it.
const isOfClient = (claims) => {
  const subject = textOf(claims, "sub");
  const speaksForItself = subject !== null && subject === textOf(claims, "client_id");
  return member(claims, "sid") === undefined && (speaksForItself || isObject(member(claims, "act")));
};

const wrongClaim = (claims, name) => {
  const value = member(claims, name);
  if (value === undefined) return t("inspect.claims.missing", { name });
  const isRight = TEXTS.includes(name)
    ? isText(value) && (value !== "" || name === "scope")
    : timeOf(claims, name) !== null;
  if (isRight) return null;
  if (Array.isArray(value)) return t("inspect.claims.list", { name });
  return t(TEXTS.includes(name) ? "inspect.claims.not_text" : "inspect.claims.not_time", { name });
};

const checkClaims = ({ claims }, isSignedAccessToken) => {
  if (!claims) return unknown("claims");
  const expected = CLAIMS.filter((name) => name !== "sid" || !isOfClient(claims));
  const wrong = expected.map((name) => wrongClaim(claims, name)).filter(Boolean);
  if (member(claims, "nbf") !== undefined) wrong.push(t("inspect.claims.nbf"));
  const isOdd = ([name, fits]) => (member(claims, name) ?? null) !== null && !fits(member(claims, name));
  // Only where the rest is right: the server then reads the claims once more, and strictly.
  const isRead = (name) => [...CLAIMS, ...Object.keys(OPTIONAL), "act"].includes(name);
  const isStrange = isSignedAccessToken && (claims.repeated.some(isRead) || Object.entries(OPTIONAL).some(isOdd));
  if (wrong.length === 0 && isStrange) wrong.push(t("inspect.claims.repeated"));
  if (wrong.length === 0) return passed("claims", t("inspect.claims.ok"));
  const isIdToken = member(claims, "client_id") === undefined && textOf(claims, "aud") !== null;
  const hint = isIdToken ? ` ${t("inspect.claims.id_token")}` : "";
  return failed("claims", "incomplete_claims", t("inspect.claims.wrong", { wrong: wrong.join("; ") }) + hint);
};

// Every check of a signed token at `now`, in seconds.
const checksOf = async (token, { keys, audience, now }) => {
  const [form, header, type] = [checkForm(token), checkHeader(token), checkType(token)];
  const { key, ...named } = checkKey(token, keys);
  const signature = await checkSignature(token, key);
  const isSignedAccessToken = [signature, header, type].every(({ ok }) => ok);
  return [
    form, header, type, named, checkAlgorithm(token, key), signature,
    checkIssuer(token),
    checkAudience(token, audience),
    checkTime("issued_at", "issued_in_future", timeOf(token.claims, "iat"), now, (at) => at <= now),
    checkTime("expiry", "expired", timeOf(token.claims, "exp"), now, (at) => now < at),
    checkClaims(token, isSignedAccessToken),
  ];
};

// The claims of the feed of revocations, if this server signed it and it is recent (docs/revocation-feed.md); else null.
const readFeed = async (text, keys, now) => {
  const feed = readToken(text.trim(), Infinity);
  const key = (keys ?? []).find(({ kid }) => kid === textOf(feed.header, "kid"));
  if (feed.flaw || textOf(feed.header, "typ") !== "revocations+jwt" || textOf(feed.header, "alg") !== key?.alg) return null;
  const isRecent = timeOf(feed.claims, "iat") <= now + 60 && now < timeOf(feed.claims, "exp");
  const isOurs = textOf(feed.claims, "iss") === settings.issuer && (await verifySignature(feed, key));
  return isOurs && isRecent ? feed.claims.value : null;
};

// Whether the feed lists the token: by its key, its id or that of the token it was exchanged for, its session, or a cut.
const checkRevocation = ({ header, claims }, feed) => {
  const [jti, sid, issued] = [textOf(claims, "jti"), textOf(claims, "sid"), timeOf(claims, "iat")];
  const ids = (jti ?? "").split(".").map((_, at, parts) => parts.slice(0, at + 1).join("."));
  const concerns = (cut) =>
    issued <= cut.iat && ["client_id", "aud"].every((name) => !(name in cut) || cut[name] === textOf(claims, name));
  if (feed.kid.includes(textOf(header, "kid"))) return failed("revocation", "key_retired", t("inspect.revocation.key"));
  if (ids.some((id) => Object.hasOwn(feed.jti, id))) return failed("revocation", "token_revoked", t("inspect.revocation.token"));
  // The feed does not say why; the code is one that only the server knows.
  if (sid !== null && Object.hasOwn(feed.sid, sid)) return failed("revocation", null, t("inspect.revocation.session"));
  if (feed.cut.some(concerns)) return failed("revocation", null, t("inspect.revocation.cut"));
  return passed("revocation", t("inspect.revocation.ok", { time: localTime(feed.iat) }));
};
