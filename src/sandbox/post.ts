/** POSTs over connections that are kept alive, a bounded number at once; `fetch` would cost a bench too much. */
import { Agent, request, type ClientRequest } from "node:http";
import { limits } from "../limits.ts";

export type Poster = {
  /** The answer's status. Throws when there is none. */
  post(url: string, headers: Record<string, string>, body: Buffer): Promise<number>;
  stop(): void;
};

export function createPoster(): Poster {
  const agent = new Agent({ keepAlive: true, maxSockets: limits.sandboxPostsAtOnceMax });
  const underWay = new Set<ClientRequest>();
  const queue: (() => void)[] = [];
  let isStopped = false;

  const next = (): void => {
    if (underWay.size < limits.sandboxPostsAtOnceMax) queue.shift()?.();
  };
  const send = (url: string, headers: Record<string, string>, body: Buffer): Promise<number> =>
    new Promise((resolve, reject) => {
      const start = (): void => {
        const post = request(url, { method: "POST", agent, timeout: limits.sandboxPostMsMax, headers }, (answer) => {
          answer.resume();
          answer.on("end", () => resolve(answer.statusCode ?? 0));
          answer.on("error", reject);
        });
        underWay.add(post);
        post.on("timeout", () => post.destroy(new Error("No answer in time")));
        post.on("error", reject);
        post.on("close", () => {
          underWay.delete(post);
          reject(new Error("The connection ended before the answer"));
          next();
        });
        post.end(body);
      };
      if (queue.length >= limits.sandboxPendingStatusesMax) return reject(new Error("Too many webhooks wait"));
      queue.push(start);
      return next();
    });

  return {
    post(url, headers, body) {
      if (isStopped) return Promise.reject(new Error("The sandbox has stopped"));
      return send(url, { "content-type": "application/json", "content-length": String(body.length), ...headers }, body);
    },
    stop() {
      isStopped = true;
      queue.length = 0;
      for (const post of underWay) post.destroy();
      agent.destroy();
    },
  };
}
