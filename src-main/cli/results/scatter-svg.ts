/** @file Accuracy over bytes as an SVG file: logarithmic bytes, the Pareto front as a stepped line, intervals as whiskers. */
import { paretoFront } from '../../core/pareto.ts';
import { formatBytes } from '../format/units.ts';

export interface ScatterPoint {
  group: string;
  label: string;
  bytes: number;
  /** Fraction 0..1. */
  accuracy: number;
  /** Half the 95 % interval; null for one value. */
  halfWidth: number | null;
}

const WIDTH = 760;
const HEIGHT = 460;
const MARGIN = { left: 58, right: 170, top: 34, bottom: 46 };
/** Okabe and Ito's palette, told apart by people with colour blindness; the mark's form differs as well. */
const COLOURS = ['#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#000000', '#56B4E9'];

/** @returns a whole SVG document */
export function scatterSvg(title: string, points: readonly ScatterPoint[]): string {
  const groups = [...new Set(points.map(({ group }) => group))];
  const sizes = points.map(({ bytes }) => Math.log10(bytes));
  const [low, high] = [Math.min(...sizes) - 0.1, Math.max(...sizes) + 0.1];
  const bottom = Math.floor(10 * Math.min(...points.map(({ accuracy, halfWidth }) => accuracy - (halfWidth ?? 0)))) / 10;
  const x = (bytes: number): number => MARGIN.left + ((Math.log10(bytes) - low) / (high - low)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (accuracy: number): number => HEIGHT - MARGIN.bottom - ((accuracy - bottom) / (1 - bottom)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" font-family="sans-serif" font-size="12" role="img" aria-label="${escape(title)}">`,
    `<rect width="100%" height="100%" fill="#fff"/><text x="${String(MARGIN.left)}" y="20" font-size="14" font-weight="bold">${escape(title)}</text>`,
    ...ticks(low, high).map((bytes) => `<path d="M${at(x(bytes))} ${at(y(bottom))}V${at(y(1))}" stroke="#ddd"/><text x="${at(x(bytes))}" y="${at(y(bottom) + 18)}" text-anchor="middle">${formatBytes(bytes)}</text>`),
    ...Array.from({ length: Math.round((1 - bottom) * 10) + 1 }, (_, index) => bottom + index / 10).map((accuracy) => `<path d="M${at(x(10 ** low))} ${at(y(accuracy))}H${at(x(10 ** high))}" stroke="#ddd"/><text x="${String(MARGIN.left - 8)}" y="${at(y(accuracy) + 4)}" text-anchor="end">${String(Math.round(100 * accuracy))} %</text>`),
    `<text x="${String((WIDTH - MARGIN.right + MARGIN.left) / 2)}" y="${String(HEIGHT - 8)}" text-anchor="middle">bytes of the task (logarithmic)</text>`,
    frontPath(points, x, y),
    ...points.map((point) => whisker(point, x, y) + mark(groups.indexOf(point.group), x(point.bytes), y(point.accuracy), `${point.label}: ${(100 * point.accuracy).toFixed(1)} %, ${formatBytes(point.bytes)}`)),
    ...groups.map((group, index) => `${mark(index, WIDTH - MARGIN.right + 20, MARGIN.top + 10 + 22 * index, group)}<text x="${String(WIDTH - MARGIN.right + 34)}" y="${String(MARGIN.top + 14 + 22 * index)}">${escape(group)}</text>`),
    `<path d="M${String(WIDTH - MARGIN.right + 12)} ${String(MARGIN.top + 10 + 22 * groups.length)}h16" stroke="#555" stroke-dasharray="4 3"/><text x="${String(WIDTH - MARGIN.right + 34)}" y="${String(MARGIN.top + 14 + 22 * groups.length)}">Pareto front</text>`,
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** 1, 2 and 5 times powers of ten within the axis; powers of ten alone where it is long. */
function ticks(low: number, high: number): number[] {
  const factors = high - low > 3 ? [1] : [1, 2, 5];
  const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, index) => Math.floor(low) + index);
  return powers.flatMap((power) => factors.map((factor) => factor * 10 ** power)).filter((bytes) => Math.log10(bytes) >= low && Math.log10(bytes) <= high);
}

type Scale = (value: number) => number;

/** What is best at each size holds until the next point. */
function frontPath(points: readonly ScatterPoint[], x: Scale, y: Scale): string {
  const front = paretoFront(points);
  const steps = front.map(({ bytes, accuracy }, index) => (index === 0 ? `M${at(x(bytes))} ${at(y(accuracy))}` : `H${at(x(bytes))}V${at(y(accuracy))}`));
  return `<path d="${steps.join('')}" fill="none" stroke="#555" stroke-dasharray="4 3"/>`;
}

function whisker({ bytes, accuracy, halfWidth }: ScatterPoint, x: Scale, y: Scale): string {
  return halfWidth === null ? '' : `<path d="M${at(x(bytes))} ${at(y(Math.min(1, accuracy + halfWidth)))}V${at(y(accuracy - halfWidth))}" stroke="#999"/>`;
}

function mark(index: number, cx: number, cy: number, title: string): string {
  const colour = COLOURS[index % COLOURS.length] ?? '#000';
  const r = 5;
  const shapes = [
    `<circle cx="${at(cx)}" cy="${at(cy)}" r="${String(r)}"`,
    `<rect x="${at(cx - r)}" y="${at(cy - r)}" width="${String(2 * r)}" height="${String(2 * r)}"`,
    `<path d="M${at(cx)} ${at(cy - r - 1)}l${String(r + 1)} ${String(2 * r)}h-${String(2 * r + 2)}z"`,
    `<path d="M${at(cx)} ${at(cy - r - 1)}l${String(r + 1)} ${String(r + 1)}l-${String(r + 1)} ${String(r + 1)}l-${String(r + 1)} -${String(r + 1)}z"`,
  ];
  return `${shapes[index % shapes.length] ?? ''} fill="${colour}" fill-opacity="0.85"><title>${escape(title)}</title>${closing(shapes[index % shapes.length] ?? '')}`;
}

function closing(opening: string): string {
  return `</${/^<(\w+)/.exec(opening)?.[1] ?? 'path'}>`;
}

const at = (value: number): string => value.toFixed(1);

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
