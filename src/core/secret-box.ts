/**
 * Secrets at rest: envelope encryption with AES-256-GCM. Each secret has a random key of its own, which one of the keys in the settings
 * wraps; changing that key re-wraps 32 bytes. Both layers are bound to the table, column, tenant and row, so that a ciphertext
 * moved to another row does not open. Stored form, in ASCII: `v1.keyId.wrapped.nonce.ciphertext.tag`, parts in base64url.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** `key` is 32 bytes. Of a list the first encrypts, all decrypt. */
export type EncryptionKey = { readonly id: string; readonly key: Uint8Array };

/** Where the secret stands. */
export type SecretContext = { table: string; column: string; tenantId: string; rowId: string };

/** A secret that cannot be sealed or opened. Names the key and the place, never the secret. */
export class SecretBoxError extends Error {}

/** Letters that keep the stored form readable. */
export function isKeyId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,32}$/.test(text);
}

export function sealSecret(keys: readonly EncryptionKey[], context: SecretContext, plain: string): Buffer {
  const [key] = keys;
  if (key === undefined) throw new SecretBoxError(`There is no encryption key to seal ${place(context)} with. Set ENCRYPTION_KEYS.`);
  const ownKey = randomBytes(32);
  const wrapped = encrypt(key.key, boundTo(context, key.id), ownKey);
  const sealed = encrypt(ownKey, boundTo(context, ""), Buffer.from(plain, "utf8"));
  const parts = [Buffer.concat([wrapped.nonce, wrapped.ciphertext, wrapped.tag]), sealed.nonce, sealed.ciphertext, sealed.tag];
  return Buffer.from(["v1", key.id, ...parts.map((part) => part.toString("base64url"))].join("."), "ascii");
}

/** Throws a SecretBoxError when the key is not there, or when the bytes were changed or moved. */
export function openSecret(keys: readonly EncryptionKey[], context: SecretContext, sealed: Uint8Array): string {
  const { keyId, wrapped, inner } = readSealed(context, sealed);
  const ownKey = unwrap(keys, context, { keyId, wrapped });
  try {
    return decrypt(ownKey, boundTo(context, ""), inner).toString("utf8");
  } catch {
    throw doesNotOpen(context, keyId);
  }
}

/** The id of the key that wraps it; null for what is no sealed secret. */
export function keyIdOf(sealed: Uint8Array): string | null {
  const [version, keyId] = Buffer.from(sealed).toString("ascii").split(".", 3);
  return version === "v1" && keyId !== undefined && isKeyId(keyId) ? keyId : null;
}

/** With what every secret begins that this key wraps. */
export function prefixOf(key: EncryptionKey): Buffer {
  return Buffer.from(`v1.${key.id}.`, "ascii");
}

/**
 * The same secret, wrapped by the first key: only the 32 bytes of its own key are sealed anew, and the secret itself is not opened. Throws a
 * SecretBoxError like `openSecret`.
 */
export function rewrapSecret(keys: readonly EncryptionKey[], context: SecretContext, sealed: Uint8Array): Buffer {
  const [key] = keys;
  if (key === undefined) throw new SecretBoxError("There is no encryption key to wrap secrets with. Set ENCRYPTION_KEYS.");
  const { keyId, wrapped, rest } = readSealed(context, sealed);
  const { nonce, ciphertext, tag } = encrypt(key.key, boundTo(context, key.id), unwrap(keys, context, { keyId, wrapped }));
  const part = Buffer.concat([nonce, ciphertext, tag]).toString("base64url");
  return Buffer.from(["v1", key.id, part, ...rest].join("."), "ascii");
}

type Sealed = { nonce: Buffer; ciphertext: Buffer; tag: Buffer };

type Read = { keyId: string; wrapped: Buffer; inner: Sealed; /** Its other parts, as they are stored. */ rest: readonly string[] };

function readSealed(context: SecretContext, sealed: Uint8Array): Read {
  const [version, keyId, ...encoded] = Buffer.from(sealed).toString("ascii").split(".");
  const [wrapped, nonce, ciphertext, tag] = encoded.map((part) => Buffer.from(part, "base64url"));
  const isWhole = wrapped?.length === 60 && nonce?.length === 12 && tag?.length === 16 && encoded.length === 4;
  if (version !== "v1" || keyId === undefined || !isKeyId(keyId) || !isWhole || ciphertext === undefined) {
    throw new SecretBoxError(`What is stored in ${place(context)} is not a sealed secret.`);
  }
  return { keyId, wrapped, inner: { nonce, ciphertext, tag }, rest: encoded.slice(1) };
}

function unwrap(keys: readonly EncryptionKey[], context: SecretContext, { keyId, wrapped }: Pick<Read, "keyId" | "wrapped">): Buffer {
  const key = keys.find((one) => one.id === keyId);
  if (key === undefined) {
    throw new SecretBoxError(`${place(context)} was sealed with the key "${keyId}", which ENCRYPTION_KEYS does not hold. Add it back.`);
  }
  try {
    const outer = { nonce: wrapped.subarray(0, 12), ciphertext: wrapped.subarray(12, 44), tag: wrapped.subarray(44) };
    return decrypt(key.key, boundTo(context, key.id), outer);
  } catch {
    throw doesNotOpen(context, keyId);
  }
}

/** The cipher's own error says nothing more. */
function doesNotOpen(context: SecretContext, keyId: string): SecretBoxError {
  return new SecretBoxError(
    `${place(context)} does not open with the key "${keyId}": other key bytes, changed, or moved from another row.`,
  );
}

function encrypt(key: Uint8Array, context: Buffer, plain: Uint8Array): Sealed {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 }).setAAD(context);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

function decrypt(key: Uint8Array, context: Buffer, sealed: Sealed): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.nonce, { authTagLength: 16 }).setAAD(context).setAuthTag(sealed.tag);
  return Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]);
}

/** JSON, so that no two contexts spell alike. */
function boundTo(context: SecretContext, keyId: string): Buffer {
  return Buffer.from(JSON.stringify([context.table, context.column, context.tenantId, context.rowId, keyId]), "utf8");
}

function place(context: SecretContext): string {
  return `${context.table}.${context.column} of row ${context.rowId}`;
}
