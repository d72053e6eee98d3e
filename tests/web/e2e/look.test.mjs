/* Goal: everything can be read and reached: contrast by WCAG AA, nothing wider than its window, a focus ring.
 * Method: every visible text of each kind of page is measured against the colour that lies behind it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alcoUrl, logAddress, newTag, openBrowser, openLog, send, timeAgo } from './alco_page.mjs';

const RATIO_MIN = 4.5;

async function sendAllKinds(tag) {
  const levels = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'TRACE'];
  await send(levels.map((levelname, i) => ({
    '@timestamp': timeAgo(10_000 - i), message: `a timeout of ${levelname}`, levelname, run: tag, host: 'web-1',
    logger: 'shop', nothing: null, ...(i % 2 ? { exc_info: 'one\ntwo' } : { exc_info: 'nothing\nbut a timeout' }),
  })));
}

/* Texts whose colour is too near to what is behind them. */
function faintTexts(page) {
  return page.evaluate((least) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const over = (colours) => {
      context.clearRect(0, 0, 1, 1);
      for (const colour of colours) {
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
      }
      return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => {
      const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() === '' || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      const behind = [];
      for (let at = element; at !== null; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
      const paper = over(behind);
      const ink = over([`rgb(${paper})`, getComputedStyle(element).color]);
      const [a, b] = [light(paper), light(ink)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < least) found.set(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`, walker.currentNode.data);
    }
    return [...found].map(([where, text]) => `${where}: ${text.slice(0, 30)}`);
  }, RATIO_MIN);
}

async function isReadable(page, what) {
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState === 'finished' ||
    animation.animationName === 'pass'));
  assert.deepEqual(await faintTexts(page), [], what);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(overflow, 0, what);
}

for (const colorScheme of ['dark', 'light']) {
  for (const width of [1440, 700]) {
    test(`all texts can be read: ${colorScheme}, ${width} px`, async (t) => {
      const { page, troubles } = await openBrowser(t, { colorScheme, viewport: { width, height: 900 } });
      const tag = newTag('look');
      await sendAllKinds(tag);
      await page.goto(`${alcoUrl}/`);
      await page.locator('.indexes').waitFor();
      await isReadable(page, 'list of indexes');
      await openLog(page, { q: `@run=${tag} timeout`, from: '-1h' });
      await page.locator('.hist svg').waitFor();
      await page.locator('.pill').first().click();
      await page.locator('.x').waitFor();
      await isReadable(page, 'an opened pill');
      await page.locator('.rows .t').last().click();
      await page.locator('.x .foot').waitFor();
      await isReadable(page, 'an opened row');
      if (width < 760) {
        await page.keyboard.press('x');
        await page.locator('.panel-open .day-chip.on').first().waitFor();
        await isReadable(page, 'the panel as a sheet');
        await page.keyboard.press('Escape');
      }
      await page.keyboard.press('?');
      await page.locator('dialog.help[open]').waitFor();
      const top = await page.locator('dialog.help').evaluate((dialog) => dialog.scrollTop);
      assert.equal(top, 0, 'help begins at its beginning');
      await isReadable(page, 'help');
      await page.keyboard.press('Escape');
      await page.locator('.more-menu > button').click();
      await isReadable(page, 'menu');
      await page.keyboard.press('Escape');
      await page.keyboard.press('t');
      await isReadable(page, 'range');
      await page.goto(logAddress({ q: '/timeout(/' }));
      await page.locator('.q-note.error').waitFor();
      await isReadable(page, 'a bad query');
      await page.goto(logAddress({ q: `@run=${tag} absent`, from: '-5m' }));
      await page.locator('.nothing').waitFor();
      await isReadable(page, 'nothing found');
      assert.deepEqual(troubles, []);
    });
  }
}

test('whatever has the focus by Tab shows it', async (t) => {
  const { page } = await openBrowser(t);
  const tag = newTag('focus');
  await sendAllKinds(tag);
  await openLog(page, { q: `@run=${tag}` });
  await page.locator('.hist svg').waitFor();
  const seen = new Set();
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab');
    const { name, ring } = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element.closest('.q:focus-within') ?? element);
      return {
        name: element.getAttribute('aria-label') ?? (element.textContent || element.outerHTML.slice(0, 80)),
        ring: element === document.body /* on its way round */ || style.outlineStyle !== 'none' || style.boxShadow !== 'none',
      };
    });
    assert.ok(ring, `no ring on ${name}`);
    seen.add(name.trim());
  }
  assert.ok(seen.size >= 6, [...seen].join(' | '));
});
