/** @file The Debian package, made with dpkg-deb alone: what is in it, whose it is, what it says of itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './runtime.ts';

interface Maker {
  canMakeDeb: () => boolean;
  makeDeb: (made: { unpacked: string; icons: string; output: string; version: string; description: string; maintainer: string }) => string;
}
const { canMakeDeb, makeDeb } = (await import(new URL('../../src-main/bin/make-deb.mjs', import.meta.url).href)) as Maker;

test('a package that installs the app, its entry, its icons and its kind of file', { skip: canMakeDeb() ? false : 'needs dpkg-deb' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'taps-deb-'));
  try {
    const unpacked = join(folder, 'unpacked');
    mkdirSync(join(unpacked, 'resources'), { recursive: true });
    for (const [name, mode] of [['taps-studio', 0o755], ['chrome-sandbox', 0o755], ['resources/app.asar', 0o644]] as const) writeFileSync(join(unpacked, name), name, { mode });
    const output = join(folder, 'out');
    const path = makeDeb({ unpacked, icons: join(ROOT, 'resources', 'installer', 'icons'), output, version: '1.2.3', description: 'Adapts a network', maintainer: 'Someone <s@example.org>' });
    assert.deepEqual(readdirSync(output).map((name) => join(output, name)), [path], 'nothing is left beside it');

    const listed = spawnSync('dpkg-deb', ['-c', path], { encoding: 'utf8' }).stdout;
    const line = (name: string): string => listed.split('\n').find((each) => each.endsWith(` ${name}`) || each.includes(` ${name} -> `)) ?? '';
    assert.match(line('./'), /^drwxr-xr-x root\/root/u);
    assert.match(line('./opt/taps-studio/taps-studio'), /^-rwxr-xr-x root\/root/u);
    assert.match(line('./opt/taps-studio/chrome-sandbox'), /^-rwsr-xr-x root\/root/u);
    assert.match(line('./usr/bin/taps-studio'), /-> \/opt\/taps-studio\/taps-studio/u);
    for (const name of ['./opt/taps-studio/resources/app.asar', './usr/share/icons/hicolor/256x256/apps/taps-studio.png']) assert.notEqual(line(name), '', name);

    const said = (field: string): string => spawnSync('dpkg-deb', ['-f', path, field], { encoding: 'utf8' }).stdout.trim();
    assert.deepEqual([said('Package'), said('Version'), said('Description')], ['taps-studio', '1.2.3', 'Adapts a network']);
    const installed = join(folder, 'installed');
    assert.equal(spawnSync('dpkg-deb', ['-x', path, installed]).status, 0);
    const entry = readFileSync(join(installed, 'usr/share/applications/taps-studio.desktop'), 'utf8');
    assert.match(entry, /^Exec=\/opt\/taps-studio\/taps-studio %U$/mu);
    assert.match(entry, /^MimeType=application\/x-taps-task;$/mu);
    assert.match(readFileSync(join(installed, 'usr/share/mime/packages/taps-studio.xml'), 'utf8'), /<glob pattern="\*\.taps"\/>/u);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
