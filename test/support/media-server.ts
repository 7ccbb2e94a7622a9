/** As much of Meta as media need: `GET /v26.0/{id}`, the bytes behind the address it gives, and uploads. Scripted by the test. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Cleanup = { after: (cleanup: () => Promise<void>) => void };
type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export type MediaServer = {
  url: string;
  graph: { url: string; version: string };
  /** Every request, as `METHOD /path`, with the token it bore. */
  seen: { line: string; token: string | null; body: Buffer }[];
  /** Meta's answer about the address of each id; without one, the id is unknown. */
  files: Map<string, { bytes: Buffer; sha256?: string; mimeType?: string; url?: string }>;
  /** Answers the next request whose path begins so in its own way. */
  next(path: string, answer: Answer): void;
};

export async function startMediaServer(t: Cleanup): Promise<MediaServer> {
  const seen: MediaServer["seen"] = [];
  const files: MediaServer["files"] = new Map();
  const scripted: { path: string; answer: Answer }[] = [];
  let uploads = 0;
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const path = request.url ?? "";
      const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? null;
      seen.push({ line: `${request.method ?? ""} ${path.split("?")[0] ?? ""}`, token, body: Buffer.concat(chunks) });
      const index = scripted.findIndex((each) => path.startsWith(each.path));
      if (index >= 0) return scripted.splice(index, 1)[0]?.answer(response, request);
      const [, first, second, third] = path.split("?")[0]?.split("/") ?? [];
      if (first === "bytes") {
        const file = files.get(second ?? "");
        return file === undefined ? response.writeHead(404).end() : response.end(file.bytes);
      }
      if (request.method === "POST" && third === "media") {
        uploads += 1;
        return response.end(JSON.stringify({ id: `${uploads}00` }));
      }
      const file = files.get(second ?? "");
      if (file === undefined) {
        return response.writeHead(400).end(JSON.stringify({ error: { code: 100, error_subcode: 33, message: "Object does not exist" } }));
      }
      const { mimeType: mime_type = "image/png", sha256, url = `${mine.url}/bytes/${second}` } = file;
      return response.end(
        JSON.stringify({ messaging_product: "whatsapp", id: second, url, mime_type, ...(sha256 === undefined ? {} : { sha256 }) }),
      );
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const mine = {
    url,
    graph: { url, version: "v26.0" },
    seen,
    files,
    next: (path: string, answer: Answer) => void scripted.push({ path, answer }),
  };
  return mine;
}
