/**
 * Builds the inbox into the folder that is named: `node inbox/build.ts FOLDER`. A process of its own, so that the program's event loop and memory
 * stay its own. Every text file gets a `.br` and a `.gz` beside it, since the program serves what is here and compresses nothing.
 */
import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const isText = /\.(?:html|js|css|svg|webmanifest|json)$/;

async function buildInbox(outDir: string): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: "error",
    mode: "production",
    plugins: [react(), tailwind()],
    resolve: {
      alias: {
        // It writes <style> elements, which the policy forbids; ours uses a constructed style sheet.
        "react-style-singleton": join(root, "src/ui/style-singleton.ts"),
      },
    },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      manifest: "manifest.json",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      chunkSizeWarningLimit: 1_000,
    },
  });
  const names = await readdir(outDir, { recursive: true });
  await Promise.all(names.filter((name) => isText.test(name)).map((name) => compress(join(outDir, name))));
}

async function compress(path: string): Promise<void> {
  const bytes = await readFile(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const [brotli, gzipped] = await Promise.all([promisify(brotliCompress)(bytes, { params }), promisify(gzip)(bytes, { level: 9 })]);
  await Promise.all([writeFile(`${path}.br`, brotli), writeFile(`${path}.gz`, gzipped)]);
}

// Whoever waits for the build was killed.
process.once("disconnect", () => process.exit(1));
process.channel?.unref();

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("Name the folder to build into");
await buildInbox(folder);
