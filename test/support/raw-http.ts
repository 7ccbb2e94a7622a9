/** HTTP by its bytes, for shapes that no client would send. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const answerMsMax = 60_000;

export type RawAnswer = { status: number; headers: Headers; body: string };

/** Sends the pieces and answers all that comes back until the server hangs up, or `isDone`. `half` closes our side after the last piece. */
export async function raw(
  port: number,
  pieces: readonly (Buffer | string)[],
  { isDone = () => false, half = false }: { isDone?: (received: string) => boolean; half?: boolean } = {},
): Promise<string> {
  const socket = await dial(port);
  let received = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => {
    received += data.toString("latin1");
    if (isDone(received)) resolve();
  });
  socket.on("close", () => resolve());
  for (const piece of pieces) socket.write(piece);
  if (half) socket.end();
  // Who keeps the line open, where it should be closed, is shown with what it said.
  const deadline = setTimeout(resolve, answerMsMax);
  await promise;
  clearTimeout(deadline);
  socket.destroy();
  return received;
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Lines with what ends a head. */
export function head(...lines: string[]): string {
  return [...lines, "", ""].join("\r\n");
}

/** The answers, one behind the other; each must say its length. */
export function answersIn(received: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = received; rest.startsWith("HTTP/1.1 ");) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) break;
    const [first = "", ...lines] = rest.slice(0, end).split("\r\n");
    const headers = new Headers(
      lines.map((line): [string, string] => [line.split(":", 1)[0] ?? "", line.slice(line.indexOf(":") + 1).trim()]),
    );
    const status = Number(first.split(" ")[1]);
    const bytes = Number(headers.get("content-length") ?? 0);
    const start = end + 4;
    if (status !== 100) answers.push({ status, headers, body: rest.slice(start, start + bytes) });
    rest = rest.slice(start + bytes);
  }
  return answers;
}
