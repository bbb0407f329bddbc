// needs: chromium
/** The console as its operator sees it, in a real browser, over a node that serves real requests. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { consoleToken } from '../support/consoleClient.js';
import { barriersOn, type ConsolePage, openBrowser, openPage } from '../support/consolePage.js';
import { chatFrame, doneFrame, json } from '../support/testBackend.js';
import { chatBody, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

const phone = { width: 375, height: 812 };

describe('the console in a browser', () => {
  let stand: TestStand;
  let browser: Browser;
  let token: string;
  let opened: ConsolePage | undefined;
  before(async () => {
    browser = await openBrowser();
    stand = await startTestStand({
      handler: ({ body }, response) => {
        if (body.includes('fail')) {
          json(response, 500, {});
          return;
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(chatFrame('m', 'hello'));
        response.end(doneFrame);
      },
    });
    token = await consoleToken(stand.node);
  });
  afterEach(async () => {
    await opened?.page.context().close();
    opened = undefined;
  });
  after(async () => {
    await browser?.close();
    await stand?.close();
  });

  const open = async (options?: BrowserContextOptions): Promise<Page> => {
    opened = await openPage(browser, stand.node.adminUrl, options);
    return opened.page;
  };
  const signIn = async (page: Page): Promise<void> => {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Load' }).waitFor();
  };
  const openSignedIn = async (options?: BrowserContextOptions): Promise<Page> => {
    const page = await open(options);
    await signIn(page);
    return page;
  };
  /** Nothing that no page may do, but for the given complaint. */
  const assertQuiet = (expected: readonly RegExp[] = []): void => {
    assert.deepEqual(opened?.strangeRequests, []);
    const unexpected = opened?.complaints.filter((line) => !expected.some((pattern) => pattern.test(line)));
    assert.deepEqual(unexpected, []);
  };
  const tile = (page: Page, name: string) => page.locator('.tile', { hasText: name }).locator('.value');

  it('refuses a wrong token in words, and takes the right one', async () => {
    const page = await open();
    await page.getByLabel('Token').fill('not the token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'not the token in this node' }).waitFor();
    await signIn(page);
    await page.getByRole('status').filter({ hasText: 'Serving' }).waitFor();
    // Chromium writes each answer of 4xx to its console.
    assertQuiet([/401 \(Unauthorized\)/]);
  });

  it('stays signed in over a reload of the page, until its operator signs out', async () => {
    const page = await openSignedIn();
    await page.reload();
    await page.getByRole('heading', { name: 'Load' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    await page.reload();
    await page.getByLabel('Token').waitFor();
    assertQuiet();
  });

  it('can be used with the keyboard alone', async () => {
    const page = await open();
    await page.getByLabel('Token').and(page.locator(':focus')).waitFor();
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Load' }).waitFor();
    await page.keyboard.press('Tab');
    await page.locator('.skip:focus').waitFor();
    await page.keyboard.press('Enter');
    await page.locator('main:focus').waitFor();
    const reload = page.getByRole('button', { name: 'Reload…' });
    for (let presses = 0; !(await reload.and(page.locator(':focus')).isVisible()); presses++) {
      assert.ok(presses < 60, 'the button cannot be reached with the Tab key');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Reload the configuration?' });
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await reload.and(page.locator(':focus')).waitFor();
    assertQuiet();
  });

  it('shows what passes through the node while it passes', async () => {
    const page = await openSignedIn();
    let isOver = false;
    const traffic = (async () => {
      for (let index = 0; !isOver; index++) {
        const body = JSON.stringify({
          model: 'm',
          stream: true,
          messages: [],
          ...(index % 5 === 0 && { x: 'fail' }),
        });
        await sendSigned(stand.node.port, stand.gateway, { body });
      }
    })();
    try {
      await tile(page, 'Requests per second').filter({ hasText: /[1-9]/ }).waitFor();
      await tile(page, 'Tokens out per second').filter({ hasText: /[1-9]/ }).waitFor();
      await tile(page, 'Time to first token')
        .filter({ hasText: /\d ?m?s/ })
        .waitFor();
      await page.getByRole('img', { name: /^Requests per second: requests [1-9]/ }).waitFor();
      const rows = page.getByRole('region', { name: 'Recent requests' }).getByRole('row');
      await rows
        .filter({ hasText: /500 *upstream_error/ })
        .first()
        .waitFor();
      await rows
        .filter({ hasText: /200 .*\/v1\/chat\/completions/ })
        .first()
        .waitFor();
      await page.getByLabel('Failed only').check();
      assert.equal(await rows.filter({ hasText: /\b200\b/ }).count(), 0);
      await page.getByRole('region', { name: 'Models and backends' }).last().getByText('answers').waitFor();
    } finally {
      isOver = true;
      await traffic;
    }
    assertQuiet();
  });

  it('reloads after asking, and shows what is wrong with a bad file', async () => {
    const page = await openSignedIn();
    const file = join(stand.node.home, 'model_backend.yaml');
    const reload = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Reload…' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Reload' }).click();
    };
    writeFileSync(file, 'models:\n  - name: "m"\n    bakcends: []\n');
    await reload();
    await page.getByText('The reload was refused; the configuration in force stays.').waitFor();
    await page.getByText(/model_backend\.yaml:3:5: .*did you mean "models\[0\]\.backends"/).waitFor();

    writeFileSync(
      file,
      `models:\n  - name: "m"\n    backends: [{ url: "${stand.backend.url}", apiKey: "s3cret" }]\n`,
    );
    await reload();
    await page.getByText('Reloaded: 1 model is served.').waitFor();
    await page.getByText('What is in force, secrets hidden').click();
    await page.getByText('[redacted]').first().waitFor();
    assert.equal(await page.getByText('s3cret').count(), 0);
    assertQuiet();
  });

  it('keeps the colours that its operator chose', async () => {
    const page = await openSignedIn({ colorScheme: 'light' });
    const ground = (): Promise<string> =>
      page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.getByLabel('Colours').selectOption('Dark');
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole('heading', { name: 'Load' }).waitFor();
    assert.equal(await ground(), dark);
    assertQuiet();
  });

  for (const [what, options] of [
    ['in light colours', { colorScheme: 'light' }],
    ['in dark colours', { colorScheme: 'dark' }],
    ['on a phone', { colorScheme: 'light', viewport: phone, hasTouch: true, isMobile: true }],
    ['on a phone in the dark', { colorScheme: 'dark', viewport: phone, hasTouch: true, isMobile: true }],
  ] as const) {
    it(`puts no serious barrier in anybody's way ${what}`, async () => {
      await sendSigned(stand.node.port, stand.gateway, { body: chatBody });
      await sendSigned(stand.node.port, stand.scheduler, {
        path: '/challenge',
        body: JSON.stringify({ type: 'NO_SUCH_TYPE' }),
      });
      const page = await open({ ...options });
      await page.getByLabel('Token').waitFor();
      assert.deepEqual(await barriersOn(page), []);
      await signIn(page);
      await page.getByRole('region', { name: 'Recent requests' }).getByRole('row').nth(1).waitFor();
      assert.deepEqual(await barriersOn(page), []);
      await page.getByText('What is in force, secrets hidden').click();
      await page.getByRole('button', { name: 'Drain and stop…' }).click();
      await page.getByRole('dialog').waitFor();
      assert.deepEqual(await barriersOn(page), []);
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      assert.ok(width <= page.viewportSize()!.width, `the page is ${width} wide`);
      assertQuiet();
    });
  }
});

describe('the console over a node that does not serve', () => {
  it('says why and what to do, drains after asking, and says when nobody answers any more', async () => {
    const browser = await openBrowser();
    const stand = await startTestStand();
    try {
      const { page } = await openPage(browser, stand.node.adminUrl);
      await page.getByLabel('Token').fill(await consoleToken(stand.node));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('status').filter({ hasText: 'Serving' }).waitFor();

      await stand.node.reload({
        modelBackends: { models: [{ name: 'm', backends: [{ url: 'http://127.0.0.1:9' }] }] },
      });
      await page.getByRole('status').filter({ hasText: 'Not serving' }).waitFor();
      await page.getByText('backends: none answers').waitFor();
      await page
        .getByText('Start an inference server, or correct its url in model_backend.yaml and reload.')
        .waitFor();

      await page.getByRole('button', { name: 'Drain and stop…' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Drain and stop' }).click();
      assert.equal(await stand.node.exited, 0);
      await page.getByRole('alert').filter({ hasText: 'The node has not answered since' }).waitFor();
      await page.getByRole('status').filter({ hasText: 'No answer' }).waitFor();
    } finally {
      await browser.close();
      await stand.close();
    }
  });
});
