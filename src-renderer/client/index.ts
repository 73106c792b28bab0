/** @file Chooses how the main side is reached: over Electron's bridge where there is one, else over the loopback server. */
import { createElectronTransport, type StudioBridge } from './electron.ts';
import { createLoopbackTransport } from './loopback.ts';
import type { Transport } from './transport.ts';

declare global {
  interface Window {
    readonly tapsStudio?: StudioBridge;
  }
}

export function connect(): Transport {
  return window.tapsStudio === undefined ? createLoopbackTransport() : createElectronTransport(window.tapsStudio);
}
