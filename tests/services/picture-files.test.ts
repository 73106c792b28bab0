/** @file Small pictures: what they look like, where they are kept, and a child that fails without taking the others with it. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import sharp from 'sharp';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { sha256OfBytes } from '../../src-main/platform/hash.ts';
import { PictureFiles, type PictureFilesOptions } from '../../src-main/services/picture-files.ts';
import { SAMPLES } from './picture-library.ts';

const folder = mkdtempSync(join(tmpdir(), 'taps-thumbs-'));
const opened: PictureFiles[] = [];
after(async () => {
  for (const files of opened) await files.close();
  rmSync(folder, { recursive: true, force: true });
});

let caches = 0;
function open(options: PictureFilesOptions = {}): { files: PictureFiles; cacheFolder: string } {
  const cacheFolder = join(folder, `cache-${String(caches++)}`);
  const files = new PictureFiles({ cacheFolder }, options);
  opened.push(files);
  return { files, cacheFolder };
}

async function refused(promise: Promise<unknown>, code: ErrorCode, words: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === code, String(error));
    assert.match(error.message, words);
    assert.ok(error.advice.length > 0);
    return true;
  });
}

const EMOJI = join(SAMPLES, 'emoji/test/food', readdirSync(join(SAMPLES, 'emoji/test/food')).sort()[0] ?? '');

describe('a small picture', () => {
  const { files, cacheFolder } = open();

  test('fits inside the size, keeps its shape and is turned as its EXIF says; never enlarged', async () => {
    const wide = join(folder, 'wide.jpg');
    // Left half red, right half blue; orientation 6: to be turned clockwise, so red is above.
    const half = await sharp({ create: { width: 400, height: 400, channels: 3, background: '#0000ff' } }).png().toBuffer();
    await sharp({ create: { width: 800, height: 400, channels: 3, background: '#ff0000' } }).composite([{ input: half, left: 400, top: 0 }]).jpeg().withMetadata({ orientation: 6 }).toFile(wide);
    for (const [size, height] of [[96, 96], [256, 256], [768, 768]] as const) {
      const { file, contentType } = await files.pictureFile({ path: wide, size });
      assert.equal(contentType, 'image/webp');
      const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      assert.deepEqual([info.width, info.height, (await sharp(file).metadata()).format], [height / 2, height, 'webp']);
      const pixel = (y: number): string => ['red', 'green', 'blue'][[...data.subarray((y * info.width + 20) * 3, (y * info.width + 20) * 3 + 3)].findIndex((value) => value > 200)] ?? 'none';
      assert.deepEqual([pixel(8), pixel(info.height - 8)], ['red', 'blue']);
    }
    const { file } = await files.pictureFile({ path: EMOJI, size: 768 });
    assert.deepEqual([(await sharp(file).metadata()).width, (await sharp(file).metadata()).height], [48, 48]);
  });

  test('is kept by content: one file, whether the hash is known or not; then the original is not read', async () => {
    const sha256 = sha256OfBytes(readFileSync(EMOJI));
    const copy = join(folder, 'copy.png');
    copyFileSync(EMOJI, copy);
    const first = await files.pictureFile({ path: copy, size: 96 });
    assert.equal(first.file, join(cacheFolder, 'thumbs/96', sha256.slice(0, 2), `${sha256}.webp`));
    const made = statSync(first.file).mtimeMs;
    assert.deepEqual(await files.pictureFile({ path: EMOJI, sha256, size: 96 }), first);
    rmSync(copy);
    assert.deepEqual(await files.pictureFile({ path: copy, sha256, size: 96 }), first);
    assert.equal(statSync(first.file).mtimeMs, made);
    await refused(files.pictureFile({ path: copy, size: 96 }), 'not-found', /copy\.png/);
  });

  test('two hundred at once, each asked for three times', async () => {
    const names = readdirSync(join(SAMPLES, 'drawings/train'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).slice(0, 200);
    const results = await Promise.all([...names, ...names, ...names].map((path) => files.pictureFile({ path, size: 96 })));
    assert.equal(new Set(results.map(({ file }) => file)).size, 200);
    for (const { file } of results) assert.ok(existsSync(file));
  });

  test('what cannot be shown says why; the next picture is shown', async () => {
    const junk = join(folder, 'junk.png');
    writeFileSync(junk, 'Dear diary');
    await refused(files.pictureFile({ path: junk, size: 96 }), 'image-unreadable', /junk\.png/);
    writeFileSync(junk, '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>');
    await refused(files.pictureFile({ path: junk, size: 96 }), 'image-unreadable', /SVG/);
    writeFileSync(junk, readFileSync(EMOJI).subarray(0, 300));
    await refused(files.pictureFile({ path: junk, size: 96 }), 'image-unreadable', /junk\.png/);
    writeFileSync(junk, '');
    await refused(files.pictureFile({ path: junk, size: 96 }), 'image-unreadable', /junk\.png/);
    await refused(files.pictureFile({ path: folder, size: 96 }), 'image-unreadable', /not a file/);
    await refused(files.pictureFile({ path: EMOJI, sha256: 'a'.repeat(64), size: 96 }), 'dataset-changed', /changed/);
    await refused(files.pictureFile({ path: EMOJI, sha256: '../../secret', size: 96 }), 'not-found', /secret/);
    assert.ok(existsSync((await files.pictureFile({ path: EMOJI, size: 256 })).file));
    assert.deepEqual(readdirSync(cacheFolder, { recursive: true }).filter((name) => String(name).includes('partial')), []);
  });
});

/** Answers with the path; writes down its process and every request. */
const FAKE = join(folder, 'fake.mjs');
const LOG = join(folder, 'log.txt');
writeFileSync(
  FAKE,
  `import { appendFileSync } from 'node:fs';
   process.on('disconnect', () => process.exit(0));
   process.on('message', ({ id, payload }) => {
     appendFileSync(${JSON.stringify(LOG)}, process.pid + ' ' + payload.path + '\\n');
     if (payload.path.startsWith('poison')) process.exit(3);
     if (payload.path.startsWith('hang')) return;
     setTimeout(() => process.send({ id, ok: true, value: { file: payload.path } }), 20);
   });`,
);

function logged(): { pid: number; path: string }[] {
  const lines = existsSync(LOG) ? readFileSync(LOG, 'utf8').trim().split('\n') : [];
  return lines.map((line) => ({ pid: Number(line.split(' ')[0]), path: line.split(' ')[1] ?? '' }));
}

async function gone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await wait(20);
  }
  return false;
}

describe('the child', () => {
  test('is asked once for what many want, and one child serves all', async () => {
    rmSync(LOG, { force: true });
    const { files } = open({ child: { file: FAKE } });
    await Promise.all(Array.from({ length: 30 }, (_, index) => files.pictureFile({ path: `p${String(index % 10)}`, size: 96 })));
    assert.deepEqual(logged().map(({ path }) => path).sort(), Array.from({ length: 10 }, (_, index) => `p${String(index)}`));
    assert.equal(new Set(logged().map(({ pid }) => pid)).size, 1);
  });

  test('that crashes on a picture fails that picture alone', async () => {
    rmSync(LOG, { force: true });
    const { files } = open({ child: { file: FAKE } });
    const paths = ['a', 'b', 'poison', 'c', 'd', 'e'];
    const outcomes = await Promise.allSettled(paths.map((path) => files.pictureFile({ path, size: 96 })));
    assert.deepEqual(outcomes.map(({ status }) => status), paths.map((path) => (path === 'poison' ? 'rejected' : 'fulfilled')));
    await refused(files.pictureFile({ path: 'poison', size: 96 }), 'image-unreadable', /poison cannot be shown: the decoder failed on it/);
    assert.equal((await files.pictureFile({ path: 'f', size: 96 })).file, 'f');
  });

  test('that hangs on a picture is ended, and the others are shown', async () => {
    const { files } = open({ child: { file: FAKE }, timeoutMs: 700 });
    const hanging = refused(files.pictureFile({ path: 'hang', size: 96 }), 'image-unreadable', /took longer than 0\.7 s/);
    assert.equal((await files.pictureFile({ path: 'g', size: 96 })).file, 'g');
    await hanging;
    assert.equal((await files.pictureFile({ path: 'h', size: 96 })).file, 'h');
  });

  test('ends when nothing is asked for a while, and is started again; one killed from outside is replaced', async () => {
    rmSync(LOG, { force: true });
    const { files } = open({ child: { file: FAKE }, idleMs: 30 });
    await files.pictureFile({ path: 'i', size: 96 });
    assert.ok(await gone(logged()[0]?.pid ?? 0));
    assert.equal((await files.pictureFile({ path: 'j', size: 96 })).file, 'j');
    const patient = open({ child: { file: FAKE } });
    await patient.files.pictureFile({ path: 'k', size: 96 });
    const { pid = 0 } = logged().at(-1) ?? {};
    process.kill(pid, 'SIGKILL');
    assert.ok(await gone(pid));
    assert.equal((await patient.files.pictureFile({ path: 'l', size: 96 })).file, 'l');
  });

  test('closing ends it and cancels what waits', async () => {
    rmSync(LOG, { force: true });
    const { files } = open({ child: { file: FAKE } });
    await files.pictureFile({ path: 'm', size: 96 });
    const waiting = Array.from({ length: 10 }, (_, index) => refused(files.pictureFile({ path: `hang${String(index)}`, size: 96 }), 'cancelled', /closed/));
    await files.close();
    await Promise.all(waiting);
    assert.ok(await gone(logged()[0]?.pid ?? 0));
    await refused(files.pictureFile({ path: 'n', size: 96 }), 'cancelled', /closed/);
  });
});
