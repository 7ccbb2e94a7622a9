/** People, what they may do in which tenant, how they sign in, and how others are let in. */
import { Type, type Static } from "typebox";
import { limits } from "../limits.ts";
import { Email, Id, Name, Nullable, OneOf, Time } from "./json.ts";
import type { Scope } from "./tenants.ts";

/** The least first. */
export const roles = ["viewer", "agent", "admin", "owner"] as const;
export type Role = (typeof roles)[number];

/** Besides, only an owner makes, changes or removes owners, and closes the tenant. */
export const scopesOfRole: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: ["read"],
  agent: ["read", "send"],
  admin: ["read", "send", "manage", "admin"],
  owner: ["read", "send", "manage", "admin"],
};

const RoleWord = OneOf(roles, { description: "viewer reads, agent also sends, admin also manages, owner also decides who is an owner" });
const Password = Type.String({ minLength: limits.passwordCharsMin, maxLength: limits.passwordCharsMax });
/** What was chosen before may have followed other rules. */
const GivenPassword = Type.String({ minLength: 1, maxLength: limits.passwordCharsMax });
const PersonName = Name({ maxLength: limits.personNameCharsMax });
const Token = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$", description: "What follows `#` in the link" });

/** Who asks, and what they may do in the tenant that they look at. */
export const Session = Type.Object({
  person: Nullable(Type.Object({ id: Id, name: Type.String(), email: Type.String() }, { description: "null for a key" })),
  role: Type.Unsafe<Role | null>({
    type: ["string", "null"],
    enum: [...roles, null],
    description: "null for a key, and where not a member",
  }),
  tenant: Nullable(
    Type.Object(
      { id: Id, name: Type.String(), slug: Type.String(), locale: Type.String(), timeZone: Type.String() },
      {
        description: "The one named by ?tenantId=, else the active one",
      },
    ),
  ),
  tenants: Type.Array(Type.Object({ id: Id, name: Type.String(), role: RoleWord })),
  scopes: Type.Array(Type.String()),
  isOperator: Type.Boolean(),
  isSandbox: Type.Boolean(),
});
export type Session = Static<typeof Session>;

export const Person = Type.Object({
  id: Id,
  name: Type.String(),
  email: Type.String(),
  role: RoleWord,
  lastSeenAt: Nullable(Time),
});
export type Person = Static<typeof Person>;

export const ChangePerson = Type.Object({ role: RoleWord });
export type ChangePerson = Static<typeof ChangePerson>;

export const SwitchTenant = Type.Object({ tenantId: Id });

export const CreateInvitation = Type.Object({ email: Email, role: RoleWord });
export type CreateInvitation = Static<typeof CreateInvitation>;

export const Invitation = Type.Object({
  id: Id,
  email: Type.String(),
  role: RoleWord,
  invitedBy: Nullable(Type.String({ description: "Name; null for the operator's key" })),
  expiresAt: Time,
  createdAt: Time,
});
export type Invitation = Static<typeof Invitation>;

const link = Type.String({ description: "Works once. Shown once: give it to the person by a way that only they read." });
export const CreatedInvitation = Type.Object({ ...Invitation.properties, link });
export type CreatedInvitation = Static<typeof CreatedInvitation>;
export const ResetLink = Type.Object({ link, expiresAt: Time });
export type ResetLink = Static<typeof ResetLink>;

export const OwnSession = Type.Object({
  id: Id,
  isCurrent: Type.Boolean(),
  userAgent: Nullable(Type.String()),
  ip: Nullable(Type.String()),
  createdAt: Time,
  lastSeenAt: Time,
  expiresAt: Time,
});
export type OwnSession = Static<typeof OwnSession>;

export const ChangePassword = Type.Object({ currentPassword: GivenPassword, newPassword: Password });
export type ChangePassword = Static<typeof ChangePassword>;

export const SignIn = Type.Object({ email: Email, password: GivenPassword });
export type SignIn = Static<typeof SignIn>;

/** What the sign-in page needs to know before anybody is known. */
export type SignInOptions = { hasOidc: boolean; isSandbox: boolean };

export const OpenLink = Type.Object({ token: Token });
export type OpenLink = Static<typeof OpenLink>;

const linkPurposes = ["invitation", "reset", "first_account"] as const;
/** What a link is for. One that is used, revoked, too old or unknown is 404. */
export const LinkFacts = Type.Object({
  purpose: OneOf(linkPurposes),
  email: Nullable(Type.String()),
  tenantName: Nullable(Type.String()),
  role: Type.Unsafe<Role | null>({ type: ["string", "null"], enum: [...roles, null] }),
  isKnown: Type.Boolean({ description: "The invited person has an account already: sign in, then accept" }),
});
export type LinkFacts = Static<typeof LinkFacts>;

/** A newcomer gives name and password; who is signed in as the invited person gives neither. */
export const AcceptInvitation = Type.Object({ token: Token, name: Type.Optional(PersonName), password: Type.Optional(Password) });
export type AcceptInvitation = Static<typeof AcceptInvitation>;

export const ResetPassword = Type.Object({ token: Token, password: Password });
export type ResetPassword = Static<typeof ResetPassword>;

export const FirstAccount = Type.Object({
  token: Token,
  name: PersonName,
  email: Email,
  password: Password,
  tenantName: Type.Optional(Name({ maxLength: 200, description: "Makes a first tenant, with this person as its owner" })),
});
export type FirstAccount = Static<typeof FirstAccount>;
