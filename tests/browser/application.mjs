// The application to which browsers return, on another origin than the issuer. It records its requests, and its
// callback may redirect the browser.
import { createServer } from "node:http";

/**
 * Listens on `localhost` and 127.0.0.1, so that names below `localhost` work too.
 *
 * `got` contains the requests of the callback, `handed` the URLs passed to the handler of a custom scheme. While
 * `sendOn` is set, the callback redirects there.
 */
export async function application(port) {
  const app = { got: [], handed: [], sendOn: null };
  const page = (response, title, body) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end(`<!doctype html><html lang=en><title>${title}</title>${body}`);
  };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers: { referer, host } } = request;
      if (url.startsWith("/cb")) {
        app.got.push({ method, url, host, referer, body: Buffer.concat(chunks).toString() });
        if (app.sendOn) {
          response.writeHead(303, { location: app.sendOn }).end();
          return;
        }
      }
      if (url.startsWith("/handed")) {
        app.handed.push(new URL(url, "http://localhost").searchParams.get("address"));
        page(response, "handed", "<h1>handed</h1>");
      } else if (url === "/opener") {
        page(response, "opener", "<h1>opener</h1>");
      } else if (url.startsWith("/popup")) {
        page(response, "popup",
          "<script>opener.postMessage(location.search, location.origin); close();</script>");
      } else {
        page(response, "app", "<h1>arrived</h1></html>");
      }
    });
  });
  await new Promise((ready) => server.listen(port, "localhost", ready));
  // `localhost` may be either of two addresses.
  const also = createServer((request, response) => server.emit("request", request, response));
  await new Promise((ready) => {
    also.once("error", ready);
    also.listen(port, "127.0.0.1", ready);
  });
  app.close = () => {
    for (const one of [server, also]) {
      one.closeAllConnections();
      one.close();
    }
  };
  return app;
}
