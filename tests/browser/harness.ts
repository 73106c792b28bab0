/** @file A studio on a library of its own, served to a real browser; and what flows in it need: axe, reports of the page's own errors. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import type { RequestInput, RequestName, RequestOutput } from '../../src-main/contract/studio/contract.ts';
import { serveLoopback, uploadFolderOf, type LoopbackServer } from '../../src-main/studio/loopback/server.ts';
import { createStudio, type Studio } from '../../src-main/studio/studio.ts';
import { launchChromium } from './chromium.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class BrowserStudio {
  readonly folder: string;
  readonly browser: Browser;
  /** What the page itself reported as wrong; a flow that ends must leave it empty. */
  readonly pageErrors: string[] = [];
  #studio: Studio | null = null;
  #server: LoopbackServer | null = null;
  readonly #kept: boolean;

  private constructor(browser: Browser, folder: string | undefined) {
    this.browser = browser;
    this.#kept = folder !== undefined;
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'taps-browser-'));
  }

  /**
   * Or a reason to skip, in words.
   * @param folder of library and settings, kept afterwards; a temporary one by default
   */
  static async open(folder?: string): Promise<BrowserStudio | string> {
    const builder = (await import(new URL('../../src-main/bin/build-window.mjs', import.meta.url).href)) as { buildWindow: (root: string, node: string) => Promise<number> };
    const code = await builder.buildWindow(ROOT, process.execPath);
    if (code !== 0) throw new Error(`The window could not be built (exit code ${String(code)}).`);
    const browser = await launchChromium();
    if (typeof browser === 'string') return browser;
    const opened = new BrowserStudio(browser, folder);
    await opened.start();
    return opened;
  }

  get studio(): Studio {
    assert.ok(this.#studio !== null, 'the studio is open');
    return this.#studio;
  }
  get url(): string {
    assert.ok(this.#server !== null, 'the server is open');
    return this.#server.url;
  }

  async start(): Promise<void> {
    const libraryFolder = join(this.folder, 'library');
    this.#studio = await createStudio({ libraryFolder, transport: 'loopback', platform: { choose: null, reveal: null, logFile: null }, settingsFolder: join(this.folder, 'settings') });
    this.#server = await serveLoopback({ studio: this.#studio, windowFolder: join(ROOT, 'dist', 'renderer'), uploadFolder: uploadFolderOf(libraryFolder), port: 0 });
  }
  /** As closing the program would. */
  async stop(): Promise<void> {
    await this.#server?.close();
    await this.#studio?.close();
    this.#server = null;
    this.#studio = null;
  }

  async page(width = 1280, height = 800): Promise<Page> {
    const page = await this.browser.newPage({ viewport: { width, height } });
    page.on('pageerror', (error) => this.pageErrors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && /content security policy/i.test(message.text())) this.pageErrors.push(message.text());
    });
    page.on('dialog', (dialog) => {
      this.pageErrors.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(this.url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    return page;
  }

  async ask<K extends RequestName>(name: K, input: RequestInput<K>): Promise<RequestOutput<K>> {
    const reply = await this.studio.handle(name, input);
    assert.ok(reply.ok, reply.ok ? '' : `${name}: ${reply.error.message}`);
    return reply.value as RequestOutput<K>;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.browser.close();
    if (!this.#kept) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Goes to a screen of an open page; its heading is there afterwards. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate((hash) => {
    window.location.hash = hash;
  }, path);
  await page.waitForFunction((hash) => window.location.hash === `#${hash}`, path);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
}

interface Violation {
  id: string;
  impact: string | null;
  nodes: { html: string; failureSummary: string }[];
}

/** Serious and critical findings, in words. Evaluated as a debugger does, so that the page's policy stays as strict as it is. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const violations = await page.evaluate<Violation[]>('axe.run(document, { resultTypes: ["violations"] }).then((result) => result.violations)');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary.replaceAll('\n', ' ').slice(0, 220)}`));
}
