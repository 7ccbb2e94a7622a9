/**
 * What looks on inside of the page: JavaScript as text, because this program is checked without the browser's types. `painted` is the moment after
 * the frame in which something first stood: a message posted in that frame's callback arrives when the frame is done.
 */
import type { Page } from "playwright-core";

export const probe = `(() => {
  if (window.__probe) return;
  const afterFrame = (done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { channel.port1.close(); done(performance.now()); };
    channel.port2.postMessage(null);
  });
  const until = (isThere, done) => {
    const look = () => (isThere() ? afterFrame(done) : requestAnimationFrame(look));
    look();
  };
  const marks = {};
  const rowsThere = () => document.querySelector('[data-testid=conversation-list] li time') !== null;
  until(rowsThere, (at) => { marks.listPainted = at; });
  const longTasks = [];
  try { new PerformanceObserver((list) => { for (const one of list.getEntries()) longTasks.push([one.startTime, one.duration]); }).observe({ type: 'longtask', buffered: true }); } catch {}

  /** Frames while \`step\` runs once in each; it answers false at the end. */
  const frames = (step, msMax) => new Promise((resolve) => {
    const gaps = [];
    const began = performance.now();
    let before = null;
    const tick = (now) => {
      if (before !== null) gaps.push(now - before);
      before = now;
      if (step(now) === false || now - began > msMax) resolve({ gaps, ms: performance.now() - began, long: longTasks.filter(([at]) => at >= began).map(([, ms]) => ms) });
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const list = () => document.querySelector('[data-testid=conversation-list]');
  const thread = () => document.querySelector('[data-testid=thread]');
  /** Pixels of the scroller's height, from its top, middle and bottom, where no row stands. */
  const isBlank = (scroller, selector) => {
    const box = scroller.getBoundingClientRect();
    return [0.15, 0.5, 0.85].some((share) => {
      const found = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height * share);
      return !found.some((one) => one.closest(selector) !== null);
    });
  };
  window.__probe = {
    marks,
    frames,
    async scroll({ which, px, msMax, isToEnd }) {
      const scroller = which === 'list' ? list() : thread();
      const selector = which === 'list' ? 'li' : '[data-index]';
      let blank = 0, waited = 0, seen = 0, atEdge = 0, travelled = 0, jumps = 0;
      /** What stands in the middle, and where it should stand in the next frame: else the page has moved what somebody reads. */
      let watched = null;
      const middle = () => {
        const box = scroller.getBoundingClientRect();
        const found = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2).find((one) => one.closest(selector) !== null);
        const row = found?.closest(selector)?.querySelector('[data-message-id], a') ?? null;
        return row === null ? null : { row, name: nameOf(row), top: row.getBoundingClientRect().top };
      };
      const nameOf = (row) => row.dataset.messageId ?? row.getAttribute('href');
      const result = await frames(() => {
        if (watched !== null && watched.row.isConnected && nameOf(watched.row) === watched.name && Math.abs(watched.row.getBoundingClientRect().top - watched.top) > 30) jumps += 1;
        watched = seen % 5 === 0 ? middle() : null;
        const before = scroller.scrollTop;
        scroller.scrollTop = before + px;
        const moved = scroller.scrollTop - before;
        if (watched !== null) watched.top -= moved;
        travelled += Math.abs(moved);
        seen += 1;
        if (seen % 5 === 0 && isBlank(scroller, selector)) blank += 1;
        if (moved === 0) { waited += 1; atEdge += 1; } else atEdge = 0;
        return !(isToEnd && atEdge > 90);
      }, msMax);
      return { ...result, blank, looked: Math.floor(seen / 5), jumps, waited, travelled };
    },
    /** From a click (by the time that the system gave it) to the first bubbles of another thread on the screen. */
    nextSwitch() {
      const before = thread();
      return new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error('no thread within 20 s')), 20000);
        addEventListener('click', (event) => {
          until(() => { const now = thread(); return now !== null && now !== before && now.querySelector('[data-message-id]') !== null; }, (at) => resolve(at - event.timeStamp));
        }, { capture: true, once: true });
      });
    },
    /** From each key to the frame that shows it. */
    keys() {
      const taken = [];
      addEventListener('keydown', (event) => afterFrame((at) => taken.push(at - event.timeStamp)), { capture: true });
      return () => taken;
    },
    until: (isThere) => new Promise((resolve) => until(isThere, resolve)),
  };
})()`;

export type Frames = {
  gaps: number[];
  ms: number;
  long: number[];
  blank: number;
  looked: number;
  jumps: number;
  waited: number;
  travelled: number;
};

export async function scroll(page: Page, how: { which: "list" | "thread"; px: number; msMax: number; isToEnd: boolean }): Promise<Frames> {
  return page.evaluate<Frames>(`window.__probe.scroll(${JSON.stringify(how)})`);
}

/** Null until it has happened. */
export async function listPaintedMs(page: Page): Promise<number | null> {
  return page.evaluate<number | null>("window.__probe?.marks.listPainted ?? null");
}
