/** @file Builds the window (src-renderer) to dist/renderer: plain files, no inline script or style, so that a strict CSP holds. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'src-renderer',
  base: './',
  plugins: [svelte()],
  build: { outDir: '../dist/renderer', emptyOutDir: true, target: 'chrome130', sourcemap: false, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  logLevel: 'warn',
});
