/**
 * @file A Debian package of the unpacked app, made with dpkg-deb alone: electron-builder's way fetches a packaging tool first, which
 * needs a network. Plain JavaScript.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';

const NAME = 'taps-studio';
const PLACE = `/opt/${NAME}`;
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };
/** What Electron links and asks for, as electron-builder lists it; alternatives for releases with 64-bit time. */
const DEPENDS = ['libgtk-3-0 | libgtk-3-0t64', 'libnotify4', 'libnss3', 'libxss1', 'libxtst6', 'xdg-utils', 'libatspi2.0-0 | libatspi2.0-0t64', 'libuuid1', 'libsecret-1-0'];

/** @returns {boolean} */
export function canMakeDeb() {
  return process.platform === 'linux' && process.arch in ARCHITECTURES && spawnSync('dpkg-deb', ['--version']).status === 0;
}

/**
 * @param {{ unpacked: string, icons: string, output: string, version: string, description: string, maintainer: string }} made
 *   unpacked: folder with the app's program; icons: folder of `<side>x<side>.png`; output: folder for the package
 * @returns {string} path of the package
 */
export function makeDeb({ unpacked, icons, output, version, description, maintainer }) {
  const architecture = ARCHITECTURES[process.arch];
  mkdirSync(output, { recursive: true });
  const stage = mkdtempSync(join(output, '.deb-'));
  // Temporary folders are their owner's alone; this one becomes the root of what is installed.
  chmodSync(stage, 0o755);
  try {
    const app = join(stage, PLACE);
    cpSync(unpacked, app, { recursive: true, verbatimSymlinks: true });
    const bytes = sizeOf(app);
    put(stage, `usr/share/applications/${NAME}.desktop`, desktopEntry(description));
    put(stage, `usr/share/mime/packages/${NAME}.xml`, MIME);
    for (const icon of readdirSync(icons).filter((file) => /^\d+x\d+\.png$/.test(file))) {
      const target = join(stage, 'usr/share/icons/hicolor', icon.replace('.png', ''), 'apps', `${NAME}.png`);
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(icons, icon), target);
    }
    mkdirSync(join(stage, 'usr/bin'), { recursive: true });
    symlinkSync(`${PLACE}/${NAME}`, join(stage, 'usr/bin', NAME));
    put(stage, 'DEBIAN/control', control({ version, architecture, bytes, description, maintainer }));
    put(stage, 'DEBIAN/postinst', REFRESH, 0o755);
    put(stage, 'DEBIAN/postrm', REFRESH, 0o755);
    // Where user namespaces are not for everyone, Chromium's sandbox needs its helper to be root's.
    if (existsSync(join(app, 'chrome-sandbox'))) chmodSync(join(app, 'chrome-sandbox'), 0o4755);
    const path = join(output, `${NAME}_${version}_${architecture}.deb`);
    const { status, stderr } = spawnSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z6', '--build', stage, path], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`dpkg-deb could not make ${path}: ${stderr.trim()}`);
    return path;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function put(stage, path, text, mode = 0o644) {
  const target = join(stage, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text, { mode });
}

function sizeOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce((sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0), 0);
}

function control({ version, architecture, bytes, description, maintainer }) {
  return `Package: ${NAME}
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: ${DEPENDS.join(', ')}
Section: science
Priority: optional
Description: ${description}
`;
}

function desktopEntry(description) {
  return `[Desktop Entry]
Type=Application
Name=TAPS Studio
Comment=${description}
Exec=${PLACE}/${NAME} %U
Icon=${NAME}
Terminal=false
StartupWMClass=${NAME}
MimeType=application/x-taps-task;
Categories=Science;
Keywords=machine learning;transfer learning;onnx;images;
`;
}

const MIME = `<?xml version="1.0" encoding="utf-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/x-taps-task">
    <comment>TAPS Studio task</comment>
    <glob pattern="*.taps"/>
    <sub-class-of type="application/zip"/>
  </mime-type>
</mime-info>
`;

/** Files that desktops read once: the kind of file, and which program opens it. After installing and after removing. */
const REFRESH = `#!/bin/sh
set -e
if command -v update-mime-database >/dev/null 2>&1; then update-mime-database /usr/share/mime || true; fi
if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database /usr/share/applications || true; fi
`;
