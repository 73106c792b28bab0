/**
 * @file The import law of src-main: which folder may import which, and which packages. One table, one ESLint rule.
 * ARCHITECTURE.md explains the reasons; a new arrow is a decision, made here.
 */
import { dirname, join, relative, sep } from 'node:path';
import type { Rule } from 'eslint';

export interface LayerLaw {
  /** Folders of src-main it may import besides itself; 'folder/file.ts' allows one file only. */
  layers: readonly string[];
  /** npm packages, by name. */
  packages: readonly string[];
  /** Whether it may import Node's own modules ('node:…'). */
  node: boolean;
}

const PURE = { node: false } as const;
const WITH_NODE = { node: true } as const;
/** The child's side of the conversation with its owner: message types and the loop that answers them. */
const CHILD_SIDE = ['supervisor/child-port.ts', 'supervisor/serve-requests.ts', 'supervisor/request-protocol.ts'] as const;

/** By folder; an entry for one file takes the place of its folder's. */
export const IMPORT_LAW: Readonly<Record<string, LayerLaw>> = {
  // Shared words: no behaviour that needs anything.
  contract: { ...PURE, layers: [], packages: ['zod'] },
  // Pure calculations and bytes ↔ values: testable with nothing installed.
  core: { ...PURE, layers: ['contract'], packages: [] },
  graph: { ...PURE, layers: ['contract', 'core'], packages: ['@bufbuild/protobuf', 'zod'] },
  formats: { ...PURE, layers: ['contract', 'core', 'graph'], packages: ['zod'] },
  // The one file of formats/ that writes a folder; the encoding itself stays pure.
  'formats/adapter-folder.ts': { ...WITH_NODE, layers: ['contract', 'core', 'graph', 'formats', 'platform'], packages: ['zod'] },
  // Compression comes with Node; bytes in, bytes out, like the rest of formats/.
  'formats/zstd.ts': { ...WITH_NODE, layers: ['contract'], packages: [] },
  // Words of Slurm and of the shared folder; who runs and reads them are services.
  cluster: { ...PURE, layers: ['contract'], packages: ['zod'] },
  // Mathematics. Only child processes load these folders.
  engine: { ...WITH_NODE, layers: ['contract', 'core', 'graph'], packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-backend-cpu', 'onnxruntime-node', '@bufbuild/protobuf'] },
  operators: { ...PURE, layers: ['contract', 'core', 'graph', 'engine'], packages: [] },
  methods: { ...PURE, layers: ['contract', 'core', 'graph', 'engine', 'operators'], packages: [] },
  training: { ...PURE, layers: ['contract', 'core', 'graph', 'engine', 'operators', 'methods'], packages: [] },
  // Files and the database.
  platform: { ...WITH_NODE, layers: ['contract', 'core'], packages: [] },
  data: { ...WITH_NODE, layers: ['contract', 'core', 'platform'], packages: ['zod'] },
  library: { ...WITH_NODE, layers: ['contract', 'core', 'formats', 'platform'], packages: ['better-sqlite3', 'zod'] },
  // A stored base, read back and checked.
  bases: { ...WITH_NODE, layers: ['contract', 'core', 'graph', 'formats', 'platform'], packages: [] },
  // Entries of child processes.
  codec: { ...WITH_NODE, layers: ['contract', 'core', 'data', 'platform', ...CHILD_SIDE], packages: ['sharp', 'yauzl', 'zod'] },
  // A joint run makes a base, and its task files name it: the id is a hash of hashes, without a library.
  trainer: { ...WITH_NODE, layers: ['contract', 'core', 'graph', 'formats', 'engine', 'operators', 'methods', 'training', 'bases', 'data', 'library/base-id.ts', 'platform', ...CHILD_SIDE], packages: ['zod'] },
  'model-io': { ...WITH_NODE, layers: ['contract', 'core', 'graph', 'formats', 'engine', 'operators', 'bases', 'data', 'platform', ...CHILD_SIDE], packages: ['onnxruntime-node', 'zod'] },
  // Their owner knows their messages, never their code.
  supervisor: { ...WITH_NODE, layers: ['contract', 'core', 'platform', 'codec/protocol.ts', 'model-io/protocol.ts'], packages: [] },
  services: { ...WITH_NODE, layers: ['contract', 'core', 'cluster', 'formats', 'data', 'library', 'platform', 'supervisor', 'codec/protocol.ts', 'model-io/protocol.ts'], packages: ['zod'] },
  // The desktop window. The only folder that knows Electron.
  electron: { ...WITH_NODE, layers: ['contract', 'studio', 'supervisor/spawn-child.ts', 'supervisor/child-port.ts'], packages: ['electron', 'electron-log', 'electron-updater', 'zod'] },
  cli: { ...WITH_NODE, layers: ['contract', 'core', 'cluster', 'services', 'studio'], packages: ['commander', 'zod'] },
  // The main side behind the window's contract, without Electron.
  studio: { ...WITH_NODE, layers: ['contract', 'core', 'platform', 'services', 'training/selection.ts'], packages: ['zod'] },
};

/** Packages with one home each, wherever else they might be wanted (a native addon per kind of process). */
export const HOMES: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['library'],
  sharp: ['codec'],
  // Archives are made by strangers as pictures are.
  yauzl: ['codec'],
  'onnxruntime-node': ['engine', 'model-io'],
  electron: ['electron'],
  'electron-log': ['electron'],
  'electron-updater': ['electron'],
};

/**
 * What is wrong with an import, in words; null when it is allowed.
 * @param file path of the importing file relative to src-main, '/' separated
 * @param specifier as written in the import
 */
export function violationOf(file: string, specifier: string): string | null {
  const layer = file.split('/')[0] ?? '';
  const law = IMPORT_LAW[file] ?? IMPORT_LAW[layer];
  if (law === undefined) return `src-main/${layer} is not in the import law: add it to tests/lint/import-law.ts and ARCHITECTURE.md`;
  if (specifier.startsWith('node:')) {
    return law.node ? null : `${layer}/ is pure and may not import ${specifier}: move what needs Node to platform/ or a caller`;
  }
  if (!specifier.startsWith('.')) return packageViolation(layer, law, specifier);
  const target = join(dirname(file), specifier).split(sep).join('/');
  if (target.startsWith('..')) return `${layer}/ may not import ${specifier}: it lies outside src-main`;
  const targetLayer = target.split('/')[0] ?? '';
  if (targetLayer === layer || law.layers.includes(targetLayer) || law.layers.includes(target)) return null;
  return `${layer}/ may not import ${target}: it may import ${law.layers.join(', ') || 'nothing of src-main'}`;
}

function packageViolation(layer: string, law: LayerLaw, specifier: string): string | null {
  const parts = specifier.split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
  if (law.packages.includes(name)) return null;
  const homes = HOMES[name];
  if (homes !== undefined) return `${layer}/ may not import ${name}: its only home is ${homes.map((home) => `${home}/`).join(' and ') || 'not built yet'}`;
  return `${layer}/ may not import the package ${name}: it may import ${law.packages.join(', ') || 'no package'}`;
}

/** The ESLint rule around `violationOf`: static and dynamic imports, re-exports and `require` with a literal. */
export const importLawRule: Rule.RuleModule = {
  meta: { type: 'problem', docs: { description: 'keeps the arrows between the folders of src-main' }, schema: [], messages: { law: 'Import law: {{violation}}.' } },
  create(context) {
    const path = relative(join(context.cwd, 'src-main'), context.filename).split(sep).join('/');
    if (path.startsWith('..')) return {};
    const check = (node: Rule.Node, source: unknown): void => {
      if (typeof source !== 'string') return;
      const violation = violationOf(path, source);
      if (violation !== null) context.report({ node, messageId: 'law', data: { violation } });
    };
    return {
      ImportDeclaration(node) {
        check(node, node.source.value);
      },
      ExportNamedDeclaration(node) {
        check(node, node.source?.value);
      },
      ExportAllDeclaration(node) {
        check(node, node.source.value);
      },
      ImportExpression(node) {
        if (node.source.type === 'Literal') check(node, node.source.value);
      },
      CallExpression(node) {
        const [argument] = node.arguments;
        if (node.callee.type === 'Identifier' && node.callee.name === 'require' && argument?.type === 'Literal') check(node, argument.value);
      },
    };
  },
};
