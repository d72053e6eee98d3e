/* Goal: a log far longer than the window of loaded rows is scrolled through, up to its start and down
 * again, without a gap, a double or a row out of place.
 * Method: every record carries its number. After each step the numbers in the list must rise by one, and
 * in the end each must have been seen in both directions. Times repeat, so ids alone keep the order.
 *
 * SCROLL_ROWS    how many records (default 20,000)
 * SCROLL_HEIGHT  height of the view in pixels (default 900); a tall one makes a long log quicker */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTag, openBrowser, openLog, send, waitForHits } from './alco_page.mjs';

const ROWS = Number(process.env.SCROLL_ROWS ?? 20_000);
const HEIGHT = Number(process.env.SCROLL_HEIGHT ?? 900);
const BATCH = 10_000;
const SAME_TIME = 7; /* so many records in a row share their time */
const WINDOW_MAX = 5000;
/* A third way goes up through what the second one threw away; for a very long log two must do. */
const WAYS = [['up', -1], ['down', 1], ['up again', -1]].slice(0, ROWS <= 100_000 ? 3 : 2);

async function sendNumbered(tag) {
  const start = Date.now() - ROWS;
  for (let from = 0; from < ROWS; from += BATCH) {
    const count = Math.min(BATCH, ROWS - from);
    await send(Array.from({ length: count }, (_, i) => ({
      '@timestamp': new Date(start + Math.floor((from + i) / SAME_TIME) * SAME_TIME).toISOString(),
      seq: from + i, message: `number ${from + i} of the ${tag} records`, run: tag,
    })));
  }
}

/* Runs in the page: scrolls one way until the end marker is reached; returns what it saw. */
async function scrollThrough({ direction, rows }) {
  const scroller = document.querySelector('.rows');
  const marker = document.querySelector(direction < 0 ? '.marker.older' : '.marker.newer');
  const seen = new Uint8Array(rows);
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  let faults = [];
  let steps = 0;
  let most = 0;
  const look = () => {
    const numbers = [...scroller.querySelectorAll('.row .m')].map((cell) => Number(/number (\d+)/.exec(cell.textContent)[1]));
    numbers.forEach((n, i) => {
      if (i > 0 && n !== numbers[i - 1] + 1 && faults.length < 5) faults.push(`${numbers[i - 1]} then ${n}`);
      seen[n] = 1;
    });
    most = Math.max(most, scroller.scrollHeight);
  };
  for (;;) {
    look();
    const before = scroller.scrollTop;
    scroller.scrollTop += direction * (scroller.clientHeight - 40);
    await frame();
    const atEnd = direction < 0 ? scroller.scrollTop === 0
      : scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 1;
    if (scroller.scrollTop === before && atEnd && /start|now/.test(marker.textContent)) break;
    steps++;
  }
  look();
  const unseen = [];
  for (let n = 0; n < rows && unseen.length < 5; n++) if (seen[n] === 0) unseen.push(n);
  return { faults, unseen, steps, loadedAtMost: Math.round(most / 20) };
}

test(`${ROWS} records are scrolled up and down with no gap and no double`, async (t) => {
  const tag = newTag('scroll');
  await sendNumbered(tag);
  const { page, troubles } = await openBrowser(t, { viewport: { width: 800, height: HEIGHT } });
  page.setDefaultTimeout(0);
  await openLog(page, { q: `@run=${tag}` });
  await waitForHits(page, ROWS);
  await page.locator('.rows .m', { hasText: `number ${ROWS - 1} of` }).waitFor();
  for (const [name, direction] of WAYS) {
    const { faults, unseen, steps, loadedAtMost } = await page.evaluate(scrollThrough, { direction, rows: ROWS });
    t.diagnostic(`${name}: ${steps} steps, at most ${loadedAtMost} rows loaded`);
    assert.deepEqual(faults, [], `${name}: neighbours that do not follow each other`);
    assert.deepEqual(unseen, [], `${name}: records never seen`);
    assert.ok(loadedAtMost <= WINDOW_MAX + 4, `${name}: ${loadedAtMost} rows in the window`);
  }
  assert.deepEqual(troubles, []);
});

test('g goes to the start and G to the newest line', async (t) => {
  const tag = newTag('ends');
  const count = 2000;
  await send(Array.from({ length: count }, (_, i) => ({
    '@timestamp': new Date(Date.now() - (count - i) * 10).toISOString(), message: `number ${i} of ${tag}`, run: tag,
  })));
  const { page } = await openBrowser(t);
  await openLog(page, { q: `@run=${tag}` });
  await page.locator('.rows .m', { hasText: `number ${count - 1} of` }).waitFor();
  await page.keyboard.press('g');
  await page.locator('.rows .m', { hasText: 'number 0 of' }).waitFor();
  await page.locator('.marker.older', { hasText: 'start' }).waitFor();
  await page.keyboard.press('G');
  await page.locator('.rows .m', { hasText: `number ${count - 1} of` }).waitFor();
});
