/** The smallest files of each kind that what looks into them takes for real. */
import { Buffer } from "node:buffer";

export type SampleFile = { mimeType: string; filename: string; bytes: Buffer };

const oggHead = Buffer.concat([
  Buffer.from("OggS\0\x02", "latin1"),
  Buffer.alloc(16),
  Buffer.from([0, 0, 0, 0, 1, 19]),
  Buffer.from("OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0", "latin1"),
]);

const mp4 = Buffer.concat([Buffer.from("\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "latin1"), Buffer.from("\0\0\0\x08mdat", "latin1")]);

const pdf = `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj
trailer<</Root 1 0 R>>
%%EOF
`;

/** A single pixel. */
const jpeg =
  "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////" +
  "wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z";
const webp = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==";

const samples = new Map<string, SampleFile>([
  ["image", { mimeType: "image/jpeg", filename: "photo.jpg", bytes: Buffer.from(jpeg, "base64") }],
  ["audio", { mimeType: "audio/ogg; codecs=opus", filename: "voice.ogg", bytes: oggHead }],
  ["video", { mimeType: "video/mp4", filename: "video.mp4", bytes: mp4 }],
  ["document", { mimeType: "application/pdf", filename: "order.pdf", bytes: Buffer.from(pdf) }],
  ["sticker", { mimeType: "image/webp", filename: "sticker.webp", bytes: Buffer.from(webp, "base64") }],
]);

export function sampleFile(type: string): SampleFile {
  return samples.get(type) ?? { mimeType: "application/octet-stream", filename: "file", bytes: Buffer.from("sandbox") };
}
