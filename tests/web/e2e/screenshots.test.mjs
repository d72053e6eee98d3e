/* Goal: pictures of the page to look at, of records that look like a quarter of an hour in a web shop; page.png
 * and page-narrow.png are those of doc/img.
 * Method: a server of its own with an index `shop`; 1440x900 and 700 px, dark and light, an opened row in each;
 * files go to SCREENSHOTS. Without SCREENSHOTS the test still checks that nothing overflows at either width. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser, timeAgo } from './alco_page.mjs';
import { ownServer } from './alco_server.mjs';

const DIRECTORY = process.env.SCREENSHOTS;
const COUNT = 5300; /* one in 180 ms: somewhat more than the fifteen minutes that are shown */
const TRACE = [
  'Traceback (most recent call last):', '  File "/srv/shop/pay.py", line 41, in charge',
  '    return gateway.post(order, timeout=2.0)', 'GatewayTimeout: no answer in 2000 ms',
].join('\n');

function shopRecord(i, count) {
  const order = 884_000 + ((i * 37) % 900);
  const busy = i > count * 0.6 && i < count * 0.66;
  const kinds = [
    ['INFO', 'shop.auth', `session ${(i * 7919).toString(16)} renewed for user ${i % 4411}`],
    ['INFO', 'shop.orders', `order ${order} accepted, 3 items, 129.90 EUR`],
    ['DEBUG', 'shop.cache', `miss orders:${order}`],
    ['INFO', 'http.access', `GET /api/orders/${order}/ 200 18 ms`],
    ['WARNING', 'shop.orders', `payment gateway timeout after 2000 ms, try 1 of 3 (order ${order})`],
    ['INFO', 'worker', `task shop.refund[${(i * 104729).toString(16)}] received`],
    ['ERROR', 'shop.orders', `giving up on order ${order}: gateway timeout`],
    ['CRITICAL', 'shop.orders', `worker ${i % 9} lost its database connection, restarting`],
  ];
  const dice = (i * 2654435761) % 1000;
  const kind = dice < 3 ? 7 : dice < (busy ? 300 : 40) ? 6 : dice < (busy ? 600 : 160) ? 4 : [0, 1, 2, 3, 5][i % 5];
  const [levelname, logger, message] = kinds[kind];
  return {
    '@timestamp': timeAgo((count - i) * 180 + ((i * 97) % 140)), message, levelname, logger,
    host: `web-${1 + (i % 3)}`, application: i % 4 ? 'shop' : 'worker', order_id: order, duration_ms: dice * 47 / 10,
    ...(levelname === 'ERROR' ? { exc_info: TRACE } : {}),
  };
}

/* The server with its records; the index of that name is empty before. */
async function openShop(t) {
  const { url } = await ownServer(t);
  const post = async (path, body) => {
    const response = await fetch(`${url}/api/v1/indexes${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    assert.ok(response.ok, await response.text());
  };
  await post('', JSON.stringify({ name: 'shop' }));
  await post('/shop/shortcuts', JSON.stringify({ name: 'order', description: 'one order', url: '?from=-1h', default_field: 'order_id' }));
  await post('/shop/logs', Array.from({ length: COUNT }, (_, i) => JSON.stringify(shopRecord(i, COUNT))).join('\n'));
  return url;
}

for (const [name, viewport, colorScheme] of [
  ['page', { width: 1440, height: 900 }, 'dark'],
  ['page-light', { width: 1440, height: 900 }, 'light'],
  ['page-narrow-dark', { width: 700, height: 900 }, 'dark'],
  ['page-narrow', { width: 700, height: 900 }, 'light'],
]) {
  test(`picture ${name}`, async (t) => {
    const url = await openShop(t);
    const { page, troubles } = await openBrowser(t, { viewport, colorScheme });
    const take = async (suffix) => {
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.equal(overflow, 0, `as wide as its window: ${suffix}`);
      if (DIRECTORY === undefined) return;
      await mkdir(DIRECTORY, { recursive: true });
      await page.screenshot({ path: join(DIRECTORY, `${name}${suffix}.png`), animations: 'disabled' });
    };
    await page.goto(`${url}/grep/shop/?q=${encodeURIComponent('@application=shop timeout')}&from=-15m`);
    await page.locator('.hist svg').waitFor();
    await page.locator('.panel .v').first().waitFor({ state: 'attached' });
    await page.locator('.rows .r.E .t').nth(1).click();
    await page.locator('.x .trace').waitFor();
    await page.mouse.move(0, 0);
    await take('');
    if (viewport.width < 760) {
      await page.keyboard.press('x');
      await page.locator('.panel-open .day-chip').first().waitFor();
      await take('-panel');
      await page.keyboard.press('Escape');
    }
    await page.locator('.q-input').fill('');
    await page.locator('.q-input').press('Enter');
    await page.locator('.st [role=status]', { hasText: /^\d,\d{3} hits/ }).waitFor();
    await page.locator('.panel .v', { hasText: 'INFO' }).waitFor({ state: 'attached' });
    await take('-all');
    await page.keyboard.press('?');
    await page.locator('dialog.help').waitFor();
    await take('-help');
    await page.goto(url);
    await page.locator('.indexes .shortcut').waitFor();
    await take('-indexes');
    assert.deepEqual(troubles, []);
  });
}
