/** Preloaded into every test process: whatever tries to leave this machine fails loudly, so no test depends on the world outside. */
import { Socket } from "node:net";

const installed = Symbol.for("kesher.loopback-only");
// One signature for the four that it has; it is called with its own `this` below.
const connect = Socket.prototype.connect as (...args: unknown[]) => Socket;

if (Reflect.get(connect, installed) !== true) {
  const guarded = function guarded(this: Socket, ...args: unknown[]): Socket {
    const host = targetOf(args);
    if (!isLoopback(host)) throw new Error(`A test tried to leave this machine: ${host}`);
    return connect.apply(this, args);
  };
  Reflect.set(guarded, installed, true);
  Reflect.set(Socket.prototype, "connect", guarded);
}

/** `connect(options | port, host | path)`, also as the one array that node's own callers pass. */
function targetOf(args: readonly unknown[]): string {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as readonly unknown[]) : args;
  if (typeof first === "object" && first !== null) {
    if ("path" in first && typeof first.path === "string") return "";
    return "host" in first && typeof first.host === "string" ? first.host : "";
  }
  const isPath = typeof first === "string" && !/^\d+$/.test(first);
  return !isPath && typeof second === "string" ? second : "";
}

/** A path of a socket, or no host at all, is this machine. */
export function isLoopback(host: string): boolean {
  return (
    host === "" ||
    host === "localhost" ||
    host === "::1" ||
    host === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(host) ||
    /^::ffff:127\./i.test(host)
  );
}
