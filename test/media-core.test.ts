import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readByteRange } from "../src/core/byte-range.ts";
import { contentDisposition, safeFileName } from "../src/core/file-name.ts";
import { fitsKind, judgeUpload, plainMimeType, servedAs, sha256Hex } from "../src/core/media-type.ts";
import { limits } from "../src/limits.ts";
import { isMediaUrl } from "../src/services/whatsapp/graph/media-client.ts";
import { mediaOf, showMediaIn } from "../src/services/whatsapp/media/content.ts";

test("A file's name loses its path, its hidden characters and what turns the direction of text, and keeps its letters", () => {
  const names: readonly [string, string | null][] = [
    ["invoice.pdf", "invoice.pdf"],
    ["חשבונית מס 7.pdf", "חשבונית מס 7.pdf"],
    ["invoice\u202Efdp.exe", "invoicefdp.exe"],
    ["a\u2066b\u2069\u200fc\u061c.txt", "abc.txt"],
    ["../../etc/passwd", "etcpasswd"],
    ["..\\..\\boot.ini", "boot.ini"],
    ["C:\\x\\y.doc", "Cxy.doc"],
    ["a\u0000b\r\nSet-Cookie: x=1", "abSet-Cookie x=1"],
    ["name.exe. . .", "name.exe"],
    [".htaccess", "htaccess"],
    ["...", null],
    ["", null],
    ["\u202e\u0000", null],
    ['a"b.txt', "ab.txt"],
  ];
  for (const [text, wanted] of names) assert.equal(safeFileName(text), wanted, JSON.stringify(text));
  assert.equal(safeFileName(null), null);
});

test("Whatever the name, the header is one line of ASCII, decodes to the safe name, and has no second parameter smuggled in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const name = safeFileName(text);
      const header = contentDisposition("attachment", text);
      assert.match(header, /^[ -~]*$/);
      if (name === null) return assert.equal(header, "attachment");
      assert.ok(name.length <= limits.fileNameCharsMax && name.isWellFormed());
      // oxlint-disable-next-line no-control-regex -- none of them may be left
      assert.doesNotMatch(name, /[\u0000-\u001f\u007f-\u009f/\\\u202a-\u202e\u2066-\u2069]|^[.\s]|[.\s]$/u);
      const match = /^attachment; filename="([^"\\]*)"; filename\*=UTF-8''([A-Za-z0-9%._~-]*)$/.exec(header);
      assert.equal(decodeURIComponent(match?.[2] ?? ""), name);
    }),
    { numRuns: 2_000 },
  );
});

test("A name of the most characters keeps its extension", () => {
  const name = safeFileName(`${"א".repeat(500)}.docx`) ?? "";
  assert.equal(name.length, limits.fileNameCharsMax);
  assert.ok(name.endsWith("א.docx"));
  assert.equal(safeFileName("a".repeat(limits.fileNameCharsMax)), "a".repeat(limits.fileNameCharsMax));
});

test("One range of bytes is answered, bounded; what is no range is as if it were not there; one past the end cannot be satisfied", () => {
  const of = (header: string | undefined) => readByteRange(header, 1_000, 100);
  assert.deepEqual(of("bytes=0-9"), { kind: "part", first: 0, last: 9 });
  assert.deepEqual(of("bytes=990-"), { kind: "part", first: 990, last: 999 });
  assert.deepEqual(of("bytes=-5"), { kind: "part", first: 995, last: 999 });
  assert.deepEqual(of("bytes=-5000"), { kind: "part", first: 0, last: 99 });
  assert.deepEqual(of("bytes=0-"), { kind: "part", first: 0, last: 99 });
  assert.deepEqual(of("bytes=950-2000"), { kind: "part", first: 950, last: 999 });
  for (const header of ["bytes=1000-", "bytes=999999999999999-", "bytes=-0"])
    assert.deepEqual(of(header), { kind: "unsatisfiable" }, header);
  for (const header of [undefined, "", "bytes=", "bytes=-", "bytes=9-0", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=0x1-2"]) {
    assert.deepEqual(of(header), { kind: "all" }, String(header));
  }
  assert.deepEqual(readByteRange("bytes=0-0", 0, 100), { kind: "unsatisfiable" });
});

test("Only what cannot run is shown in a window of its own; all else is saved, and under its name only if that is known to be harmless", () => {
  for (const type of ["image/png", "image/jpeg", "image/webp", "image/gif", "video/mp4", "audio/ogg", "audio/mpeg"]) {
    assert.deepEqual(servedAs(type), { contentType: type, disposition: "inline" });
  }
  for (const type of ["text/html", "image/svg+xml", "application/xml", "text/javascript", "application/x-msdownload", null]) {
    assert.deepEqual(servedAs(type), { contentType: "application/octet-stream", disposition: "attachment" }, String(type));
  }
  assert.deepEqual(servedAs("application/pdf"), { contentType: "application/pdf", disposition: "attachment" });
  assert.deepEqual(servedAs("text/plain"), { contentType: "text/plain; charset=utf-8", disposition: "attachment" });
});

test("An upload is judged by its bytes against Meta's types and sizes, to the byte", () => {
  const judge = (sniffed: string | null, bytes: number, declared: string | null = null, isText = false) =>
    judgeUpload({ sniffed, declared, isText, bytes });
  const edges: readonly [string, number][] = [
    ["image/jpeg", limits.mediaImageBytesMax],
    ["image/png", limits.mediaImageBytesMax],
    ["image/webp", limits.mediaStickerBytesMax],
    ["video/mp4", limits.mediaVideoBytesMax],
    ["audio/ogg", limits.mediaAudioBytesMax],
    ["application/pdf", limits.mediaBytesMax],
  ];
  for (const [type, bytesMax] of edges) {
    assert.deepEqual(judge(type, bytesMax), { kind: "sendable", mimeType: type });
    assert.equal(judge(type, bytesMax + 1).kind, "refused", type);
  }
  assert.equal(judge("image/png", 0).kind, "refused");
  assert.equal(judge("image/gif", 10, "image/png").kind, "refused");
  assert.equal(judge("application/x-msdownload", 10, "application/pdf").kind, "refused");
  assert.equal(judge(null, 10, "image/png").kind, "refused");
  assert.deepEqual(judge(null, 10, "text/plain", true), { kind: "sendable", mimeType: "text/plain" });
  assert.equal(judge(null, 10, "text/html", true).kind, "refused");
  assert.deepEqual(judge("application/x-cfb", 10, "application/msword"), { kind: "sendable", mimeType: "application/msword" });
  assert.equal(judge("application/x-cfb", 10, "application/pdf").kind, "refused");
  assert.equal(plainMimeType("audio/ogg; codecs=opus"), "audio/ogg");
  assert.equal(plainMimeType("Audio/X-M4A"), "audio/mp4");
  assert.equal(plainMimeType("text/html\r\nx: y"), null);
  assert.ok(fitsKind("image/png", "image") && fitsKind("image/png", "document") && !fitsKind("image/png", "sticker"));
  assert.ok(!fitsKind(null, "document"));
});

test("Meta's hash is read in hexadecimal and in base64, and anything else is no hash", () => {
  const hex = "ab".repeat(32);
  assert.equal(sha256Hex(hex.toUpperCase()), hex);
  assert.equal(sha256Hex(Buffer.from(hex, "hex").toString("base64")), hex);
  for (const text of ["q1==", "", "zz".repeat(32), null]) assert.equal(sha256Hex(text), null);
});

test("The bearer goes to Meta's hosts by https and to Graph's own origin, and to nothing that only looks like them", () => {
  const graph = "https://graph.facebook.com";
  for (const url of ["https://lookaside.fbsbx.com/x?y", "https://graph.facebook.com/x"]) assert.ok(isMediaUrl(url, graph), url);
  const others = [
    "http://lookaside.fbsbx.com/x",
    "https://lookaside.fbsbx.com:8443/x",
    "https://lookaside.fbsbx.com.evil.example/x",
    "https://evil.example/lookaside.fbsbx.com",
    "https://lookaside.fbsbx.com@evil.example/",
    "https://user:pass@lookaside.fbsbx.com/",
    "https://xlookaside.fbsbx.com/",
    "https://fbsbx.com/",
    "https://127.0.0.1/",
    "https://169.254.169.254/",
    "file:///etc/passwd",
    "//lookaside.fbsbx.com/x",
    "",
  ];
  for (const url of others) assert.ok(!isMediaUrl(url, graph), url);
  assert.ok(isMediaUrl("http://127.0.0.1:4000/media/1", "http://127.0.0.1:4000"));
  assert.ok(!isMediaUrl("http://127.0.0.1:4001/media/1", "http://127.0.0.1:4000"));
});

test("Files are found in every content that has them, and shown with our id beside Meta's", () => {
  const image = {
    v: 1,
    kind: "image",
    mediaId: "7",
    mimeType: "image/png",
    sha256: null,
    url: "https://lookaside.fbsbx.com/",
    caption: "c",
  };
  const call = { v: 1, kind: "call", recording: { mediaId: "8", mimeType: "audio/ogg", sha256: null }, transcript: { mediaId: "9" } };
  assert.deepEqual(
    mediaOf(image).map(({ kind, waMediaId }) => [kind, waMediaId]),
    [["image", "7"]],
  );
  assert.deepEqual(
    mediaOf(call).map(({ kind, waMediaId }) => [kind, waMediaId]),
    [
      ["audio", "8"],
      ["document", "9"],
    ],
  );
  assert.deepEqual(mediaOf({ v: 1, kind: "edit", message: image }).length, 1);
  for (const content of [null, "x", {}, { kind: "text", body: "b" }, { ...image, mediaId: null }]) assert.deepEqual(mediaOf(content), []);
  const find = () => ({ id: "ours", state: "stored", bytes: 5 });
  const shown = {
    v: 1,
    kind: "image",
    mediaId: "ours",
    mediaState: "stored",
    mediaBytes: 5,
    waMediaId: "7",
    mimeType: "image/png",
    sha256: null,
    caption: "c",
  };
  assert.deepEqual(showMediaIn(image, find), shown);
  assert.deepEqual(showMediaIn({ v: 1, kind: "edit", message: image }, find), { v: 1, kind: "edit", message: shown });
  assert.deepEqual(showMediaIn({ v: 1, kind: "text", body: "b" }, find), { v: 1, kind: "text", body: "b" });
  const unknown = showMediaIn(image, () => undefined);
  assert.deepEqual(
    [unknown].map((content) => (content as { mediaId: unknown }).mediaId),
    [null],
  );
  const link = { v: 1, kind: "image", media: { link: "https://a.example/x" }, url: "https://a.example/x", mediaId: null };
  assert.equal((showMediaIn(link, find) as { url: unknown }).url, "https://a.example/x");
});
