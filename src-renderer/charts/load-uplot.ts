/** @file uPlot, loaded when the first curve is drawn: most screens have none. */
import 'uplot/dist/uPlot.min.css';
import type uPlot from 'uplot';

let loading: Promise<typeof uPlot> | null = null;

export function loadUplot(): Promise<typeof uPlot> {
  loading ??= importUplot();
  return loading;
}

/**
 * uPlot makes a formatter for the browser's language as soon as it is loaded. A browser in the system's language "C" says
 * "en-US@posix", which is no language tag: the import would fail.
 */
async function importUplot(): Promise<typeof uPlot> {
  try {
    Intl.getCanonicalLocales(navigator.language);
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
  }
  return (await import('uplot')).default;
}
