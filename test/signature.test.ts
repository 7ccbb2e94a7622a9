import assert from "node:assert/strict";
import { test } from "node:test";
import { isSigned, sign } from "../src/core/signature.ts";

const secret = "example-app-secret";
const empty = Buffer.from('{"object":"whatsapp_business_account","entry":[]}');
const emptyMac = "eb4b54cb68820a953c6ac314910c47e62f8e1b39bbda1006514617140c6d3870";
const escaped = Buffer.from(String.raw`{"t":"M\u00fcnchen \ud83d\ude42","u":"https:\/\/a.example\/x"}`);
const escapedMac = "074b00e75fe6d7027431e779dc6286f7c5b999b71380c41a6e7d33d9ebf29926";

test("Meta's own test vectors are signed", () => {
  assert.equal(isSigned(empty, `sha256=${emptyMac}`, [secret]), true);
  assert.equal(isSigned(escaped, `sha256=${escapedMac}`, [secret]), true);
  assert.equal(sign(empty, secret), `sha256=${emptyMac}`);
});

test("A body that says the same in other bytes is not signed", () => {
  const unescaped = Buffer.from(JSON.stringify(JSON.parse(escaped.toString())));
  assert.match(sign(unescaped, secret), /^sha256=7a805143/);
  assert.equal(isSigned(unescaped, `sha256=${escapedMac}`, [secret]), false);
});

test("A flip of any byte of the body breaks the signature", () => {
  for (let at = 0; at < empty.length; at++) {
    const flipped = Buffer.from(empty);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.equal(isSigned(flipped, `sha256=${emptyMac}`, [secret]), false, `byte ${at}`);
  }
});

test("Anything but one exact header is refused", () => {
  const headers = [
    undefined,
    "",
    emptyMac,
    `sha1=${emptyMac}`,
    `SHA256=${emptyMac}`,
    `sha256=${emptyMac.toUpperCase()}`,
    `sha256=${emptyMac.slice(2)}`,
    `sha256=${emptyMac}00`,
    `sha256=${"z".repeat(64)}`,
    `sha256=${emptyMac}\n`,
    ` sha256=${emptyMac}`,
    `sha256=${emptyMac}, sha256=${emptyMac}`,
    `sha256=${"é".repeat(64)}`,
  ];
  for (const header of headers) assert.equal(isSigned(empty, header, [secret]), false, String(header));
});

test("While rotating, each of the secrets signs, in any place of the list", () => {
  for (const secrets of [
    ["new", secret],
    [secret, "new"],
    ["a", secret, "b"],
  ]) {
    assert.equal(isSigned(empty, `sha256=${emptyMac}`, secrets), true);
  }
  assert.equal(isSigned(empty, `sha256=${emptyMac}`, ["new", "other"]), false);
});

test("No secret, and an empty one, sign nothing", () => {
  assert.equal(isSigned(empty, `sha256=${emptyMac}`, []), false);
  assert.equal(isSigned(empty, sign(empty, ""), [""]), false);
  assert.equal(isSigned(empty, sign(empty, ""), ["", secret]), false);
});
