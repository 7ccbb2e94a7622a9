import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { isKeyId, openSecret, SecretBoxError, sealSecret } from "../src/core/secret-box.ts";

const k1 = { id: "k1", key: randomBytes(32) };
const k2 = { id: "k2", key: randomBytes(32) };
const context = { table: "whatsapp_connections", column: "access_token", tenantId: "t-1", rowId: "r-1" };
const token = "EAAG-canary-טוקן";

test("What was sealed opens again, and does not show in the stored form", () => {
  const sealed = sealSecret([k1], context, token);
  assert.equal(openSecret([k1], context, sealed), token);
  assert.match(sealed.toString("ascii"), /^v1\.k1(\.[\w-]+){4}$/);
  assert.doesNotMatch(sealed.toString("latin1"), /canary/);
  assert.equal(openSecret([k1], context, sealSecret([k1], context, "")), "");
});

test("Two seals of one secret differ", () => {
  assert.notDeepEqual(sealSecret([k1], context, token), sealSecret([k1], context, token));
});

test("A ciphertext that was moved to another table, column, tenant or row does not open", () => {
  const sealed = sealSecret([k1], context, token);
  const moved = [
    { table: "meta_apps" },
    { column: "app_secrets" },
    { tenantId: "t-2" },
    { rowId: "r-2" },
    { tenantId: "t-1|r", rowId: "1" },
  ];
  for (const change of moved) assert.throws(() => openSecret([k1], { ...context, ...change }, sealed), SecretBoxError);
});

test("A flip of any byte of the stored form is noticed", () => {
  const sealed = sealSecret([k1], context, token);
  for (let at = 0; at < sealed.length; at++) {
    const flipped = Buffer.from(sealed);
    flipped[at] = (flipped[at] ?? 0) ^ 0x01;
    let opened = "";
    try {
      opened = openSecret([k1], context, flipped);
    } catch (error) {
      assert(error instanceof SecretBoxError);
      continue;
    }
    // Unused bits at the end of a base64url part do not change its bytes.
    assert.equal(opened, token);
  }
});

test("The first key encrypts, and an old one still opens", () => {
  const old = sealSecret([k1], context, token);
  assert.match(sealSecret([k2, k1], context, token).toString("ascii"), /^v1\.k2\./);
  assert.equal(openSecret([k2, k1], context, old), token);
});

test("A missing key is named, and the secret is not", () => {
  const sealed = sealSecret([k1], context, token);
  assert.throws(
    () => openSecret([k2], context, sealed),
    (error: Error) => error instanceof SecretBoxError && /"k1"/.test(error.message) && !/canary/.test(error.message),
  );
  assert.throws(() => sealSecret([], context, token), /ENCRYPTION_KEYS/);
});

test("Other bytes under the same key id are told apart from a missing key", () => {
  const sealed = sealSecret([k1], context, token);
  assert.throws(() => openSecret([{ id: "k1", key: k2.key }], context, sealed), /does not open with the key "k1"/);
});

test("What is no sealed secret is called so", () => {
  for (const text of ["", "v1", token, "v2.k1.a.b.c.d", "v1.k1....", "v1.k 1.a.b.c.d"]) {
    assert.throws(() => openSecret([k1], context, Buffer.from(text)), /not a sealed secret/);
  }
});

test("Key ids keep the stored form readable", () => {
  assert.equal(isKeyId("2026-11_a"), true);
  for (const id of ["", "a.b", "a:b", "x".repeat(33)]) assert.equal(isKeyId(id), false, id);
});
