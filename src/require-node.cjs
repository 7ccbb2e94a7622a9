// Preloaded by the scripts of package.json, and written so that any Node of the last ten years can read it: it says in one
// sentence what would otherwise be "Unknown file extension .ts" or "bad option". And it has Node keep what it compiles, which
// halves the work of every further start; where the folder cannot be written, nothing is kept.
"use strict";

// 24.7 brings Argon2, which passwords are kept with.
var wanted = "24.7";

if (Number(process.versions.node.split(".")[0]) < 24 || /^24\.[0-6]\./.test(String(process.versions.node))) {
  process.stderr.write(
    "\nKesher needs Node " +
      wanted +
      " or newer, and this is Node " +
      process.versions.node +
      " (" +
      process.execPath +
      ").\n" +
      'On Linux (x64, arm64; glibc) and Windows (x64) "npm ci" brings one along, unless it was told --omit=optional;\n' +
      'start the program with "npm start", which prefers it. Elsewhere install Node ' +
      wanted +
      " or newer: https://nodejs.org\n\n",
  );
  process.exit(1);
}

require("node:module").enableCompileCache(require("node:path").join(__dirname, "../node_modules/.cache/kesher-compile"));
