// npm start [-- --model FILE] [-- --port 8000] [-- --host 127.0.0.1]: this folder, and one model as /model.onnx.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const folder = fileURLToPath(new URL(".", import.meta.url));
const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: join(folder, "model.onnx") },
    port: { type: "string", default: "8000" },
    host: { type: "string", default: "127.0.0.1" },
  },
});
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".onnx": "application/octet-stream",
};
const HEADERS = {
  // both together let WebAssembly use threads
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache",
};

function fileOf(url) {
  const path = normalize(decodeURIComponent(new URL(url, "http://localhost").pathname));
  if (path === `${sep}model.onnx`) return resolve(options.model);
  const file = join(folder, path.endsWith(sep) ? `${path}index.html` : path);
  return file.startsWith(folder) && extname(file) in TYPES ? file : null;
}

const server = createServer((request, response) => {
  let file = null, size = 0;
  try {
    file = request.method === "GET" || request.method === "HEAD" ? fileOf(request.url) : null;
    size = file ? statSync(file).size : 0;
  } catch {
    file = null; // no such file, or no such path
  }
  if (!file) {
    response.writeHead(404, HEADERS).end("not found");
    return;
  }
  response.writeHead(200, { ...HEADERS, "Content-Type": TYPES[extname(file)], "Content-Length": size });
  if (request.method === "HEAD") response.end();
  else createReadStream(file).on("error", () => response.destroy()).pipe(response);
});
server.listen(Number(options.port), options.host, () => {
  console.log(`http://${options.host}:${server.address().port}/  (model: ${resolve(options.model)})`);
});
