// oidc-provider for comparison: ES256 access tokens as JWT, one confidential client, storage in memory. Prints its
// address on stdout; ends when its stdin ends.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const pair = (type, options, more) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  use: "sig",
  ...more,
});

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const address = `127.0.0.1:${server.address().port}`;
  const provider = new Provider(`http://${address}`, {
    jwks: {
      keys: [
        pair("ec", { namedCurve: "P-256" }, { alg: "ES256", kid: "ec" }),
        pair("rsa", { modulusLength: 2048 }, { alg: "RS256", kid: "rsa" }),
      ],
    },
    clients: [
      {
        client_id: "bench",
        client_secret: "a-secret-for-measuring-that-is-long-enough",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "https://api.example.com",
        getResourceServerInfo: () => ({
          scope: "read",
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  server.on("request", provider.callback());
  console.log(address);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
