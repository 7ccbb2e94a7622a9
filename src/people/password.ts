/**
 * Passwords as argon2id, in the PHC notation with its own salt and costs, so that the costs may grow later. A hash takes 19 MiB and a
 * thread of Node's pool: so few run at a time, and who would have to wait too long is told so, instead of the program running out of either.
 */
import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { Rejection } from "../core/rejection.ts";
import { limits } from "../limits.ts";
import { createGate } from "./gate.ts";

export type Passwords = {
  /** Throws a Rejection when too many wait already. */
  hash(password: string): Promise<string>;
  verify(given: { hash: string; password: string }): Promise<boolean>;
};

type Costs = { memory: number; passes: number; parallelism: number };

const now: Costs = { memory: limits.passwordHashBytes / 1_024, passes: limits.passwordHashPassesMin, parallelism: 1 };
const phc = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

export function createPasswords(): Passwords {
  const gate = createGate({ placesMax: limits.passwordHashesMax, waitingMax: limits.passwordHashesWaitingMax });

  async function derive(password: string, salt: Uint8Array, costs: Costs): Promise<Buffer> {
    const place = gate.enter();
    if (place === null) throw new Rejection("unavailable", 503, "Too many people sign in right now. Try again.");
    const leave = await place;
    try {
      return await argon2id(password, salt, costs);
    } finally {
      leave();
    }
  }

  return {
    async hash(password) {
      const salt = randomBytes(16);
      const tag = await derive(password, salt, now);
      return `$argon2id$v=19$m=${now.memory},t=${now.passes},p=${now.parallelism}$${bare(salt)}$${bare(tag)}`;
    },
    async verify({ hash, password }) {
      const [, memory, passes, parallelism, salt, tag] = phc.exec(hash) ?? [];
      if (salt === undefined || tag === undefined) return false;
      const costs = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
      return timingSafeEqual(await derive(password, Buffer.from(salt, "base64"), costs), Buffer.from(tag, "base64"));
    },
  };
}

function argon2id(password: string, nonce: Uint8Array, costs: Costs): Promise<Buffer> {
  // The same letters may be spelt in several ways, by keyboards of Hebrew and Arabic too.
  const message = password.normalize("NFKC");
  return new Promise((resolve, reject) => {
    argon2("argon2id", { message, nonce, tagLength: 32, ...costs }, (error, tag) => (error === null ? resolve(tag) : reject(error)));
  });
}

function bare(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
