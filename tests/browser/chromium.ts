/** @file A real Chromium for the tests: one that is installed, else the one that comes inside an npm package. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import packaged from '@sparticuz/chromium';

const INSTALLED = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', 'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe'];
/** As root, and in containers without shared memory. */
const ARGS = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];

/** Where a Chromium is, and why there is none. Order: TAPS_CHROMIUM, playwright's own, an installed one, the package's (Linux x64). */
async function findChromium(): Promise<{ executablePath: string; args: string[] } | { missing: string }> {
  const candidates = [process.env['TAPS_CHROMIUM'] ?? '', chromium.executablePath(), ...INSTALLED];
  const found = candidates.find((path) => path !== '' && existsSync(path));
  if (found !== undefined) return { executablePath: found, args: ARGS };
  if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: 'needs a Chromium: install Chrome, or set TAPS_CHROMIUM to one' };
  try {
    return { executablePath: await packaged.executablePath(), args: [...packaged.args.filter((arg) => arg !== '--single-process' && !arg.startsWith('--headless')), ...ARGS] };
  } catch (error) {
    return { missing: `needs a Chromium: that of @sparticuz/chromium cannot be unpacked (${error instanceof Error ? error.message : String(error)})` };
  }
}

/** A running browser, or in words why there is none. */
export async function launchChromium(): Promise<Browser | string> {
  const found = await findChromium();
  if ('missing' in found) return found.missing;
  try {
    return await chromium.launch(found);
  } catch (error) {
    return `Chromium at ${found.executablePath} does not start: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
}
