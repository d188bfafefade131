// Prints the findings of `redocly lint` for the document on standard input, with the recommended rules.
import { text } from "node:stream/consumers";

import {
  BaseResolver,
  createConfig,
  lintDocument,
  makeDocumentFromString,
} from "@redocly/openapi-core";

const config = await createConfig({ extends: ["recommended"] });
const document = makeDocumentFromString(await text(process.stdin), "openapi.json");
const externalRefResolver = new BaseResolver(config.resolve);
const problems = await lintDocument({ document, externalRefResolver, config });
for (const { severity, ruleId, message, location } of problems) {
  console.log(`${severity} ${ruleId} at ${location[0]?.pointer}: ${message}`);
}
