// The texts of the page in its language, and how times and foreign texts are written. What differs between servers
// (issuer, addresses, codes, texts) is in one attribute of the page.
const inspector = document.getElementById("inspector");
const settings = JSON.parse(inspector.dataset.settings);
// Times are written as in the reader's own region, in the language of the page.
const { lang } = document.documentElement;
const region = navigator.languages.find((tag) => tag.split("-")[0] === lang) ?? lang;

// A text with `{name}` replaced by each value, which is never searched for names.
const t = (key, values = {}) =>
  (settings.texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

const has = (key) => Object.hasOwn(settings.texts, key);

// A text that a stranger wrote: control characters and changes of the direction of text become visible.
const visible = (text) =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (char) => `\\u{${char.codePointAt(0).toString(16)}}`,
  );

// The same as part of a sentence: cut, and in quotation marks.
const quoted = (value) => {
  const chars = Array.from(String(value));
  return t("inspect.quoted", { text: visible(chars.slice(0, 120).join("")) + (chars.length > 120 ? "…" : "") });
};

const localTime = (seconds) =>
  new Intl.DateTimeFormat(region, { dateStyle: "long", timeStyle: "long" }).format(seconds * 1000);

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

// How far a time is from now, in its largest whole unit.
const distance = (seconds, now) => {
  const span = seconds - now;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(span) >= size) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat(region, { numeric: "auto" }).format(Math.trunc(span / size), unit);
};
