/**
 * The inbox as its users meet it: the real program, a real headless Chromium, 10,000 conversations and a thread of 50,000 messages. Chromium draws in
 * software here and shares the machine, so beside the frames stands what the page itself costs: busy time of its main thread for each frame.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";
import { startInboxBuild } from "../src/inbox-build.ts";
import { openBrowser, openPage } from "../test/browser/browser.ts";
import { bigThreadMessages, conversationCount, seedInbox } from "./inbox-seed.ts";
import { listPaintedMs, probe, scroll, type Frames } from "./inbox-probe.ts";
import { startProgram } from "./program.ts";
import { until, type Workbench } from "./workbench.ts";

export type Smoothness = {
  /** Of the frames that were due, those that did not come; of the places that were looked at, those without a row. */
  dropped: number;
  blank: number;
  p95Ms: number;
  worstMs: number;
  /** Frames that took longer than two and than three of the screen's. */
  over33: number;
  over50: number;
  /** Times that a row did not stand where scrolling had put it. */
  jumps: number;
  frames: number;
  travelledPx: number;
  /** Busy time of the page's main thread for each frame that came. */
  mainMsPerFrame: number;
  scriptMsPerFrame: number;
  layoutMsPerFrame: number;
  waitedShare: number;
};
export type InboxFigures = {
  scriptKb: number;
  coldMs: number;
  warmMs: number;
  deltaMs: number;
  switchCached: { p50: number; p95: number; max: number; count: number };
  /** Busy time of the main thread for each, with all that follows it. */
  switchMainMs: number;
  switchServer: { p50: number; p95: number };
  typing: { p50: number; p95: number };
  list: Smoothness;
  listReading: Smoothness;
  thread: Smoothness;
  threadReading: Smoothness;
  threadBack: Smoothness;
  search: { p50: number; p95: number };
  heapMb: number;
  keptMb: number;
};

const frameMs = 1_000 / 60;
const waitMs = 60_000;
/** Of the list, in turn. */
const rowsClicked = 7;

export async function runInbox(bench: Workbench): Promise<InboxFigures> {
  const program = await startProgram(bench, { name: "inbox", isSandbox: true });
  if (program.sql === null) throw new Error("The inbox needs the embedded database");
  // It listens before it says so.
  await until(() => Promise.resolve(program.said().includes("API key of the demo tenant")), waitMs, "The link stands at the console");
  const link = /sign in: (\S+)\n/.exec(program.said())?.[1] ?? "";
  const apiKey = /API key [^:]*: (\S+)/.exec(program.said())?.[1] ?? "";
  const origin = `http://127.0.0.1:${program.port}`;
  const mediaId = await uploadPicture(origin, apiKey);
  const seeded = await seedInbox(program.sql, mediaId);
  bench.say(`seeded ${conversationCount} conversations and a thread of ${bigThreadMessages} messages`);
  await until(async () => (await fetch(`${origin}/`)).status === 200, waitMs, "The inbox is built");
  const isIndexed = async (): Promise<boolean> => {
    const text =
      "select 1 from follower_cursors where follower = 'search' and coalesce(fill_before_id, fill_contacts_before_id) is not null limit 1";
    return (await program.sql?.query(text))?.rows.length === 0;
  };
  await until(isIndexed, 2 * waitMs, "The search's index is filled", 500);
  bench.say("the search's index is filled");
  const browser = await openBrowser({ after: (close) => void bench.defer(close) });
  const figures = await measureInbox(bench, browser, { origin, link: link.replace(/^https?:\/\/[^/]+/, origin), ...seeded });
  await program.stop();
  return figures;
}

export type InboxPlace = { origin: string; link: string; bigId: string; middleMessageId: string; words: readonly string[] };

async function measureInbox(bench: Workbench, browser: Browser, place: InboxPlace): Promise<InboxFigures> {
  const { page, context, troubles } = await openPage(browser, place.origin, { language: "he", theme: "light" });
  page.setDefaultTimeout(waitMs);
  await context.addInitScript({ content: probe });
  const cdp = await context.newCDPSession(page);
  // By the processor's clock: what others do on this machine does not count.
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.goto(place.link);
  await page.waitForURL("**/inbox/**");
  await page.locator("[data-testid=conversation-list] li").first().waitFor();

  const { warmMs, deltaMs } = await measureWarm(page, bench.isQuick ? 3 : 7);
  const coldMs = await measureCold(browser, context, place.origin);
  bench.say(
    `first paint: ${Math.round(coldMs)} ms from nothing, ${Math.round(warmMs)} ms from the local store, the delta after ${Math.round(deltaMs)} ms`,
  );
  const beforeSwitches = await metrics(cdp);
  const switchCached = await measureSwitches(page, bench.isQuick ? 30 : 100, false);
  const switchMainMs =
    ((((await metrics(cdp))["TaskDuration"] ?? 0) - (beforeSwitches["TaskDuration"] ?? 0)) * 1_000) / (switchCached.count + rowsClicked);
  const switchServer = await measureSwitches(page, 20, true);
  bench.say(`switch: cached ${JSON.stringify(switchCached)}, from the server ${JSON.stringify(switchServer)}`);
  const search = await measureSearch(page, place.words);
  bench.say(`search: ${JSON.stringify(search)}`);

  await page.goto(`${place.origin}/inbox/all`);
  await page.locator("[data-testid=conversation-list] li time").first().waitFor();
  const readingMs = bench.isQuick ? 4_000 : 8_000;
  const listReading = await smoothness(page, cdp, { which: "list", px: 50, msMax: readingMs, isToEnd: false });
  const list = await smoothness(page, cdp, { which: "list", px: 400, msMax: bench.isQuick ? 10_000 : 45_000, isToEnd: true });
  bench.say(`list: ${JSON.stringify(list)}\n reading: ${JSON.stringify(listReading)}`);

  await page.goto(`${place.origin}/inbox/all/${place.bigId}`);
  await page.locator("[data-testid=thread] [data-message-id]").first().waitFor();
  const threadReading = await smoothness(page, cdp, { which: "thread", px: -50, msMax: readingMs, isToEnd: false });
  const thread = await smoothness(page, cdp, { which: "thread", px: -400, msMax: bench.isQuick ? 10_000 : 30_000, isToEnd: true });
  // Where a search leads: deep in the thread, with as much above as below.
  await page.goto(`${place.origin}/inbox/all/${place.bigId}?message=${place.middleMessageId}`);
  await page.locator(`[data-message-id="${place.middleMessageId}"]`).waitFor();
  const threadBack = await smoothness(page, cdp, { which: "thread", px: 50, msMax: readingMs, isToEnd: false });
  bench.say(`thread: ${JSON.stringify(thread)}\n reading: ${JSON.stringify(threadReading)}\n back: ${JSON.stringify(threadBack)}`);
  const typing = await measureTyping(page);
  bench.say(`typing: ${JSON.stringify(typing)}`);
  await cdp.send("HeapProfiler.collectGarbage");
  const heapMb = (await metrics(cdp))["JSHeapUsedSize"] ?? 0;
  const keptBytes = await page.evaluate<number>("navigator.storage.estimate().then(({ usage }) => usage ?? 0)");
  if (troubles.length > 0) throw new Error(`The page had troubles: ${troubles.slice(0, 5).join("; ")}`);
  await context.close();
  return {
    scriptKb: (await initialScriptBytes()) / 1_000,
    coldMs,
    warmMs,
    deltaMs,
    switchCached,
    switchMainMs,
    switchServer,
    typing,
    list,
    listReading,
    thread,
    threadReading,
    threadBack,
    search,
    heapMb: heapMb / 1_000_000,
    keptMb: keptBytes / 1_000_000,
  };
}

/** Again and again from what this browser has kept: until rows are on the screen, and until the server's list has come. */
async function measureWarm(page: Page, times: number): Promise<{ warmMs: number; deltaMs: number }> {
  const painted: number[] = [];
  const deltas: number[] = [];
  for (let time = 0; time < times; time += 1) {
    // What was read is written after a moment.
    await page.waitForTimeout(1_200);
    await page.reload();
    await page.locator("[data-testid=conversation-list] li time").first().waitFor();
    await until(async () => (await deltaMsOf(page)) !== null, waitMs, "The list was read");
    painted.push((await listPaintedMs(page)) ?? Infinity);
    deltas.push((await deltaMsOf(page)) ?? Infinity);
  }
  return { warmMs: percentile(painted, 50), deltaMs: percentile(deltas, 50) };
}

async function deltaMsOf(page: Page): Promise<number | null> {
  return page.evaluate<number | null>(
    "performance.getEntriesByType('resource').find(({ name }) => name.includes('/api/v1/conversations?'))?.responseEnd ?? null",
  );
}

/** Nothing kept but the session: as on a machine where somebody signs in for the first time. */
async function measureCold(browser: Browser, signedIn: BrowserContext, origin: string): Promise<number> {
  const found: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      storageState: { cookies: await signedIn.cookies(), origins: [] },
    });
    await context.addInitScript({ content: probe });
    const page = await context.newPage();
    await page.goto(`${origin}/inbox/all`);
    await page.locator("[data-testid=conversation-list] li time").first().waitFor();
    await until(async () => (await listPaintedMs(page)) !== null, waitMs, "The list is painted");
    found.push((await listPaintedMs(page)) ?? Infinity);
    await context.close();
  }
  return percentile(found, 50);
}

/** Rows on the screen are clicked in turn. Their threads are here after the first round; `isFresh` clicks on others each time. */
async function measureSwitches(
  page: Page,
  count: number,
  isFresh: boolean,
): Promise<{ p50: number; p95: number; max: number; count: number }> {
  const rows = page.locator("[data-testid=conversation-list] li");
  const found: number[] = [];
  const rounds = isFresh ? 0 : rowsClicked;
  for (let time = -rounds; time < count; time += 1) {
    if (isFresh && time % rowsClicked === 0) {
      await page.evaluate("document.querySelector('[data-testid=conversation-list]').scrollTop += 700");
      await page.waitForTimeout(300);
    }
    const boxes = await rows.evaluateAll(visibleBoxes);
    const box = boxes[(time + rounds) % Math.min(rowsClicked, boxes.length)];
    if (box === undefined) throw new Error("No row is on the screen");
    // It listens before the click: input overtakes what is asked of a busy page.
    await page.evaluate("void (window.__switched = window.__probe.nextSwitch())");
    await page.mouse.click(box.x, box.y);
    const ms = await page.evaluate<number>("window.__switched");
    if (time >= 0) found.push(ms);
    await page.waitForTimeout(isFresh ? 60 : 120);
  }
  return { p50: percentile(found, 50), p95: percentile(found, 95), max: Math.max(...found), count: found.length };
}

type Box = { x: number; y: number };
type Element = { getBoundingClientRect: () => { left: number; top: number; bottom: number; width: number; height: number } };

/** Runs in the page: the middles of the rows that stand there whole, from the top. */
function visibleBoxes(rows: unknown[]): Box[] {
  return (rows as Element[])
    .map((row) => row.getBoundingClientRect())
    .filter(({ top, bottom }) => top > 110 && bottom < 790)
    .toSorted((a, b) => a.top - b.top)
    .map(({ left, top, width, height }) => ({ x: left + width / 2, y: top + height / 2 }));
}

async function smoothness(page: Page, cdp: CDPSession, how: Parameters<typeof scroll>[1]): Promise<Smoothness> {
  const before = await metrics(cdp);
  const found = await scroll(page, how);
  const after = await metrics(cdp);
  const spent = (name: string): number => ((after[name] ?? 0) - (before[name] ?? 0)) * 1_000;
  return judge(found, {
    main: spent("TaskDuration"),
    script: spent("ScriptDuration"),
    layout: spent("LayoutDuration") + spent("RecalcStyleDuration"),
  });
}

function judge(
  { gaps, blank, looked, jumps, waited, travelled }: Frames,
  cost: { main: number; script: number; layout: number },
): Smoothness {
  const frames = Math.max(1, gaps.length);
  // Half a frame late is drawn in the next one.
  const missed = gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / frameMs) - 1), 0);
  return {
    dropped: missed / (missed + frames),
    blank: blank / Math.max(1, looked),
    p95Ms: percentile(gaps, 95),
    worstMs: Math.max(...gaps),
    over33: gaps.filter((gap) => gap > 33.4).length,
    over50: gaps.filter((gap) => gap > 50).length,
    jumps,
    frames,
    travelledPx: travelled,
    mainMsPerFrame: cost.main / frames,
    scriptMsPerFrame: cost.script / frames,
    layoutMsPerFrame: cost.layout / frames,
    waitedShare: waited / frames,
  };
}

async function metrics(cdp: CDPSession): Promise<Record<string, number>> {
  const { metrics: found } = await cdp.send("Performance.getMetrics");
  return Object.fromEntries(found.map(({ name, value }) => [name, value]));
}

/** In the big thread: from each key to the frame that shows it. */
async function measureTyping(page: Page): Promise<{ p50: number; p95: number }> {
  await page.locator("textarea").last().click();
  await page.evaluate("window.__taken = window.__probe.keys()");
  await page.keyboard.type("שלום, ההזמנה שלכם בדרך ותגיע מחר בבוקר", { delay: 40 });
  await page.waitForTimeout(300);
  const taken = await page.evaluate<number[]>("window.__taken()");
  await page.locator("textarea").last().fill("");
  return { p50: percentile(taken, 50), p95: percentile(taken, 95) };
}

/** As the page asks; from the request to the last byte of the answer. */
async function measureSearch(page: Page, words: readonly string[]): Promise<{ p50: number; p95: number }> {
  const found: number[] = [];
  for (const word of words) {
    found.push(
      await page.evaluate<number>(
        `(async () => { const began = performance.now(); const answer = await fetch('/api/v1/search?q=' + encodeURIComponent(${JSON.stringify(word)})); if (!answer.ok) throw new Error(await answer.text()); await answer.json(); return performance.now() - began; })()`,
      ),
    );
  }
  return { p50: percentile(found, 50), p95: percentile(found, 95) };
}

async function uploadPicture(origin: string, apiKey: string): Promise<string | null> {
  // A grey square of 2 × 2.
  const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGOor6+HIAYIBQAnUgXxo2N4GgAAAABJRU5ErkJggg==", "base64");
  const form = new FormData();
  form.set("file", new Blob([png], { type: "image/png" }), "picture.png");
  const answer = await fetch(`${origin}/api/v1/media`, { method: "POST", headers: { authorization: `Bearer ${apiKey}` }, body: form });
  if (!answer.ok) throw new Error(`POST media: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { id: string }).id;
}

/** What the page loads before anything else, compressed. */
async function initialScriptBytes(): Promise<number> {
  const folder = await startInboxBuild(() => undefined).folder;
  const manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as Record<
    string,
    { file: string; imports?: string[]; isEntry?: boolean }
  >;
  const files = new Set<string>();
  const follow = (name: string): void => {
    const chunk = manifest[name];
    if (chunk === undefined || files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const next of chunk.imports ?? []) follow(next);
  };
  for (const [name, { isEntry }] of Object.entries(manifest)) if (isEntry === true) follow(name);
  const sizes = await Promise.all([...files].map(async (file) => (await readFile(join(folder, `${file}.gz`))).length));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Infinity;
}
