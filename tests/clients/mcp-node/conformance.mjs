// The authorization scenarios of the MCP conformance suite. The suite prints the URL that a user has to open
// and waits for the callback; here a simulated user fills in the forms. Prints every check as one line of JSON.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Person, expect } from "../node/person.mjs";

const scenario = JSON.parse(readFileSync(process.argv[2], "utf8"));
const person = new Person(scenario.issuer, scenario.login, scenario.password);
const results = mkdtempSync(join(tmpdir(), "conformance-"));
const suite = fileURLToPath(new URL("./node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url));
const child = spawn(process.execPath, [
  suite, "authorization", "--url", scenario.issuer, "--client-id", scenario.client_id,
  "--resource", scenario.resource, "--port", String(scenario.port), "--output-dir", results,
], { stdio: ["ignore", "pipe", "pipe"] });

let said = "";
let opened = false;
const open = async (address) => {
  try {
    await fetch(await person.authorize(address));
  } catch (error) {
    console.error(error);
    child.kill();
  }
};
const listen = (bytes) => {
  said += bytes;
  const address = new RegExp(`^(${scenario.issuer}/oauth2/authorize\\?\\S+)$`, "m").exec(said)?.[1];
  if (address && !opened) {
    opened = true;
    open(address);
  }
};
child.stdout.on("data", listen);
child.stderr.on("data", listen);
child.on("exit", (code) => {
  try {
    expect(code === 0, `the suite ended with ${code}:\n${said}`);
    expect(opened, `the suite opened no page:\n${said}`);
    const all = readdirSync(results, { recursive: true }).filter((name) => name.endsWith("checks.json"));
    expect(all.length === 2, `${all.length} scenarios were run:\n${said}`);
    for (const name of all) {
      for (const check of JSON.parse(readFileSync(join(results, name), "utf8"))) {
        console.log(JSON.stringify({ id: check.id, status: check.status, error: check.errorMessage }));
      }
    }
    process.exit(0);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
});
