/** The reading side of the generator: tenants' event streams, and when each acknowledged message appeared on them. */
import { get } from "node:http";
import { Histogram } from "./histogram.ts";

const lastEventsMs = 5_000;

export function watchStreams(order: { port: number; streamKeys: readonly string[] }) {
  const latencies = new Histogram();
  const ackedAt = new Map<string, number>();
  const seenAt = new Map<string, number>();
  const requests = order.streamKeys.map((key) => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const request = get(
      {
        port: order.port,
        host: "127.0.0.1",
        path: "/api/v1/activity/stream",
        agent: false,
        headers: { authorization: `Bearer ${key}`, accept: "text/event-stream" },
      },
      (response) => {
        if (response.statusCode === 200) resolve(undefined);
        else reject(new Error(`The stream answered ${response.statusCode}`));
        let rest = "";
        response.setEncoding("utf8");
        response.on("error", () => undefined);
        response.on("data", (piece: string) => {
          const now = performance.now();
          const frames = (rest + piece).split("\n\n");
          rest = frames.pop() ?? "";
          for (const frame of frames) if (frame.includes("event: message.received")) seen(frame, now);
        });
      },
    );
    request.on("error", (error) => reject(error));
    return { request, opened: promise };
  });

  function seen(frame: string, now: number): void {
    const id = /"waMessageId":"([^"]+)"/.exec(frame)?.[1];
    if (id === undefined) return;
    const acked = ackedAt.get(id);
    if (acked === undefined) seenAt.set(id, now);
    else {
      ackedAt.delete(id);
      latencies.add((now - acked) * 1_000);
    }
  }
  return {
    latencies,
    opened: Promise.all(requests.map(({ opened }) => opened)),
    acknowledged(id: string, now: number): void {
      if (order.streamKeys.length === 0) return;
      // The event may overtake the answer.
      if (seenAt.delete(id)) latencies.add(0);
      else ackedAt.set(id, now);
    },
    /** How many events never came. */
    async finish(): Promise<number> {
      const until = performance.now() + lastEventsMs;
      await untilOver(() => ackedAt.size === 0 || performance.now() > until);
      for (const { request } of requests) request.destroy();
      return ackedAt.size;
    },
  };
}

export function untilOver(isOver: () => boolean): Promise<undefined> {
  return new Promise((resolve) => {
    const look = setInterval(() => {
      if (!isOver()) return;
      clearInterval(look);
      resolve(undefined);
    }, 5);
  });
}
