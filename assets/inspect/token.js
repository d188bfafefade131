// Reading a token without believing it: parts, base64url, JSON. The rules are those of the issuer's own verifier
// (src/crypto/jwt/decode_unverified.rs), so that both name the same flaw.

const encodeBase64url = (bytes) =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

// The bytes of base64url without padding (RFC 7515 §2); null for any other text, and for a second spelling of the same
// bytes, which lenient decoders accept.
const decodeBase64url = (text) => {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    return encodeBase64url(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
};

// Where serde_json stops as well.
const MAX_DEPTH = 127;

// What JSON.parse does not tell: the members of an object in their order, repeated ones too, each with the first
// token of its value as it is written, and how deep the text is nested. `json` has been parsed before.
const outlineOf = (json) => {
  const members = [];
  let [depth, deepest, name] = [0, 0, null];
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\],:"]+/g)) {
    if (token === "}" || token === "]") depth -= 1;
    else if (token === ",") name = depth === 1 ? null : name;
    else {
      if (depth === 1 && name === null) name = JSON.parse(token);
      else if (depth === 1) members.push({ name, raw: token });
      if (token === "{" || token === "[") depth += 1;
    }
    deepest = Math.max(deepest, depth);
  }
  return { members, deepest };
};

// The object in the bytes of a part, or null.
const decodeObject = (bytes) => {
  const strict = (name, value) => {
    const texts = typeof value === "string" ? [name, value] : [name];
    const isExact = texts.every((text) => text.isWellFormed()) && value !== Infinity && value !== -Infinity;
    if (!isExact) throw new SyntaxError("not exact");
    return value;
  };
  try {
    const json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value = JSON.parse(json, strict);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const { members, deepest } = outlineOf(json);
    if (deepest > MAX_DEPTH) return null;
    const names = members.map(({ name }) => name);
    return { value, members, repeated: names.filter((name, at) => names.indexOf(name) < at) };
  } catch {
    return null;
  }
};

// What can be read of a text that should be a signed token, and the first thing that is wrong with its form.
const readToken = (text, maxBytes) => {
  if (new TextEncoder().encode(text).length > maxBytes) return { flaw: { what: "too_large", n: maxBytes } };
  const parts = text.split(".");
  if (parts.length !== 3) return { flaw: { what: "parts", n: parts.length } };
  let flaw = null;
  const [header, claims, signature] = parts.map((part, at) => {
    const bytes = decodeBase64url(part);
    const isSignature = at === 2;
    const object = bytes && !isSignature ? decodeObject(bytes) : null;
    let what = null;
    if (part === "") what = "empty";
    else if (!bytes) what = "not_base64";
    else if (!isSignature && !object) what = "not_an_object";
    if (what) flaw ??= { what, part: ["header", "payload", "signature"][at] };
    return isSignature ? bytes : object;
  });
  return { flaw, header, claims, signature, message: text.slice(0, text.lastIndexOf(".")) };
};

// The token in what people paste: the value of a header, or a whole token response.
const bareToken = (pasted) => {
  const text = pasted.trim().replace(/^bearer(\s+|$)/i, "");
  if (!text.startsWith("{")) return text;
  try {
    const answer = JSON.parse(text);
    const found = [answer.access_token, answer.id_token, answer.refresh_token];
    return found.find((member) => typeof member === "string") ?? text;
  } catch {
    return text;
  }
};

// How WebCrypto names the algorithms of JWS (RFC 7518 §3.1, RFC 8037 §3.1).
const ALGORITHMS = {
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ES384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  EdDSA: { name: "Ed25519" },
};

// Whether the key made the signature; null where this browser cannot find out.
const verifySignature = async (token, jwk) => {
  const algorithm = Object.hasOwn(ALGORITHMS, jwk.alg) ? ALGORITHMS[jwk.alg] : null;
  if (!algorithm || !crypto.subtle) return null;
  const { kty, n, e, crv, x, y } = jwk;
  try {
    const key = await crypto.subtle.importKey("jwk", { kty, n, e, crv, x, y }, algorithm, false, ["verify"]);
    const message = new TextEncoder().encode(token.message);
    return await crypto.subtle.verify(algorithm, key, token.signature, message);
  } catch {
    return null;
  }
};
