/** @file The words and bars of progress. */
import type { EpochMetrics, TrainProgress } from '../../contract/training.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import type { Terminal } from './terminal.ts';

const BAR_CELLS = 16;

/** @param fraction 0..1 */
export function bar(fraction: number, cells = BAR_CELLS): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * cells);
  return `[${'#'.repeat(filled)}${'-'.repeat(cells - filled)}]`;
}

/** The line of a running training, without the bar; what matters most first, for a narrow window cuts the end off. Gates are named only where the method has them. */
export function progressLine(progress: TrainProgress, gates: boolean): string {
  const parts = [`epoch ${progress.epoch + 1}/${progress.epochs}`];
  if (progress.etaSeconds !== null) parts.push(`${formatDuration(progress.etaSeconds)} left`);
  parts.push(`loss ${progress.loss.toFixed(3)}`, `accuracy ${formatPercent(progress.accuracy)}`);
  if (gates) parts.push(`open ${progress.openLayers}/${progress.totalLayers}`);
  if (progress.validationAccuracy !== null) parts.push(`validation ${formatPercent(progress.validationAccuracy)}`);
  parts.push(`${Math.round(progress.imagesPerSecond)} images/s`, `step ${progress.step}/${progress.steps}`);
  return parts.join(' · ');
}

/** The line of a finished epoch. */
export function epochLine(metrics: EpochMetrics, epochs: number, totalLayers: number, gates: boolean): string {
  const parts = [
    `epoch ${String(metrics.epoch + 1).padStart(String(epochs).length)}/${epochs}`,
    `loss ${metrics.trainLoss.toFixed(3)}`,
    `accuracy ${formatPercent(metrics.trainAccuracy)}`,
    `validation ${formatPercent(metrics.validationAccuracy)}`,
  ];
  if (gates) parts.push(`open ${metrics.openLayers}/${totalLayers}`);
  parts.push(formatBytes(metrics.openBytes), formatDuration(metrics.seconds));
  return parts.join(' · ');
}

/** Progress of work that is measured in bytes; total 0 while it is not known. Shown on a terminal only. */
export function byteDisplay(terminal: Terminal, label: string): (done: number, total: number) => void {
  return (done, total) => {
    terminal.live(total === 0 ? label : `${bar(done / total)} ${label}: ${formatBytes(done)} of ${formatBytes(total)}`);
  };
}

/** Progress of work that is counted: images decoded, files hashed; total 0 while it is not known. Shown on a terminal only. */
export function countDisplay(terminal: Terminal, label: string): (done: number, total: number) => void {
  return (done, total) => {
    terminal.live(total === 0 ? `${label}: ${done}` : `${bar(done / total)} ${label}: ${done}/${total}`);
  };
}
