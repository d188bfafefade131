// Common parts of the applications: their address, the issuer's metadata, and pages that show the state of
// the library.
import express from "express";

/** The registered client. */
export const { ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, PORT } = process.env;
/** Whether the library is configured to send a challenge or a nonce, if by default it sends neither. */
export const PROTECTED = "PROTECTED" in process.env;
export const HOME = `http://localhost:${PORT}`;
export const GOODBYE = `${HOME}/goodbye`;

/** For libraries without discovery, and for the log-out of libraries without one. */
export async function discovered() {
  const response = await fetch(`${ISSUER}/.well-known/openid-configuration`);
  return response.json();
}

/** The log-out request of an application whose library sends none (OpenID Connect RP-Initiated Logout). */
export async function endSession(id_token_hint) {
  const { end_session_endpoint } = await discovered();
  const query = new URLSearchParams({ id_token_hint, post_logout_redirect_uri: GOODBYE });
  return `${end_session_endpoint}?${query}`;
}

/** Userinfo for libraries that leave it to the application. */
export async function userinfo(accessToken) {
  const { userinfo_endpoint } = await discovered();
  const response = await fetch(userinfo_endpoint, { headers: { authorization: `Bearer ${accessToken}` } });
  if (!response.ok) throw new Error(`userinfo: ${response.status} ${await response.text()}`);
  return response.json();
}

export function application() {
  const app = express();
  app.get("/", (request, response) => response.json({ at: "home" }));
  app.get("/goodbye", (request, response) => response.json({ at: "goodbye" }));
  return app;
}

/** Listens, and prints the line for which the test waits. */
export function serve(app) {
  app.use((error, request, response, next) => {
    console.error(error);
    response.status(500).type("text").send(String(error.stack ?? error));
  });
  app.listen(PORT, "localhost", () => console.log("ready"));
}
