/** WhatsApp business accounts, their numbers, and the tokens that open them. */
import type { Envelope } from "./envelope.ts";
import { createRollingRate, type RollingRate } from "./rates.ts";

/** The Meta app that an account's webhooks are signed by and posted to. */
export type App = { secret: string; url: () => string; id?: string };

export type Account = {
  wabaId: string;
  name: string;
  app: App;
  /** Without it no webhook leaves. */
  isSubscribed: boolean;
  /** Set by `subscribed_apps`. */
  overrideUrl: string | null;
};

export type PhoneNumber = Envelope & {
  accessToken: string;
  verifiedName: string;
  qualityRating: "GREEN" | "YELLOW" | "RED" | "NA";
  /** CONNECTED once it is registered. */
  status: string;
  nameStatus: string;
  codeVerificationStatus: string;
  accountMode: "LIVE" | "SANDBOX";
  isOnBizApp: boolean;
  platformType: string;
  /** Messages in a rolling second; null: no limit, for benches. */
  throughputPerSecond: number | null;
  /** False: no limit per customer either, for benches. */
  hasPairRate: boolean;
  rate: RollingRate;
  overrideUrl: string | null;
  pin: string | null;
  registeredAtMs: number[];
  /** Of `health_status`; null: as its status says. */
  canSend: "LIMITED" | "BLOCKED" | null;
  messagingLimit: string;
  /** Coexistence: what the Business app has been asked for; once each, within 24 h of onboarding. */
  handedOver: string[];
  onboardedAtMs: number;
};

export type Token = {
  value: string;
  /** Null: an app's own token, which may only look at tokens. */
  wabaIds: ReadonlySet<string> | null;
  expiresAtMs: number | null;
  isRevoked: boolean;
  issuedAtMs: number;
  /** As `debug_token` tells; left out: the account's own app, everything, a system user's. */
  appId?: string;
  scopes?: readonly string[];
  type?: string;
};

export type NewNumber = Partial<Omit<PhoneNumber, "rate" | "registeredAtMs" | "handedOver">> & {
  /** Of a new account; otherwise those of the sandbox. */
  app?: App;
  tokenExpiresAtMs?: number | null;
};

export type Accounts = {
  /** The account is made when it is new. */
  add(number: Envelope & { accessToken: string }, more: NewNumber): PhoneNumber;
  account(wabaId: string): Account | undefined;
  number(phoneNumberId: string): PhoneNumber | undefined;
  numbers(): readonly PhoneNumber[];
  setThroughput(number: PhoneNumber, perSecond: number | null): void;
  issueToken(token: Omit<Token, "isRevoked" | "issuedAtMs">): Token;
  token(value: string): Token | undefined;
};

export function createAccounts(options: { app: App; nowMs: () => number }): Accounts {
  const { app, nowMs } = options;
  const accounts = new Map<string, Account>();
  const numbers = new Map<string, PhoneNumber>();
  const tokens = new Map<string, Token>();

  const issueToken: Accounts["issueToken"] = (token) => {
    const issued = { ...token, isRevoked: false, issuedAtMs: nowMs() };
    tokens.set(token.value, issued);
    return issued;
  };

  return {
    add(own, { app: ownApp, tokenExpiresAtMs = null, ...more }) {
      const { wabaId, accessToken } = own;
      if (!accounts.has(wabaId)) {
        accounts.set(wabaId, { wabaId, name: `Sandbox ${wabaId}`, app: ownApp ?? app, isSubscribed: true, overrideUrl: null });
      }
      const known = tokens.get(accessToken)?.wabaIds ?? [];
      issueToken({ value: accessToken, wabaIds: new Set([...known, wabaId]), expiresAtMs: tokenExpiresAtMs });
      const number: PhoneNumber = {
        ...usual,
        registeredAtMs: [],
        handedOver: [],
        onboardedAtMs: nowMs(),
        ...more,
        ...own,
        rate: createRollingRate(null),
      };
      number.rate = createRollingRate(number.throughputPerSecond);
      numbers.set(number.phoneNumberId, number);
      return number;
    },
    account: (wabaId) => accounts.get(wabaId),
    number: (phoneNumberId) => numbers.get(phoneNumberId),
    numbers: () => [...numbers.values()],
    setThroughput(number, perSecond) {
      number.throughputPerSecond = perSecond;
      number.rate = createRollingRate(perSecond);
    },
    issueToken,
    token: (value) => tokens.get(value),
  };
}

const usual = {
  verifiedName: "Sandbox",
  qualityRating: "GREEN",
  status: "CONNECTED",
  nameStatus: "APPROVED",
  codeVerificationStatus: "VERIFIED",
  accountMode: "LIVE",
  isOnBizApp: false,
  platformType: "CLOUD_API",
  throughputPerSecond: 80,
  hasPairRate: true,
  overrideUrl: null,
  pin: null,
  canSend: null,
  messagingLimit: "TIER_2K",
} as const;
