/**
 * @file The import law of src-renderer: the window knows the contract and a few pure calculations of the program, nothing else, and screens do not know
 * each other's insides.
 */
import { dirname, join, relative, sep } from 'node:path';
import type { Rule } from 'eslint';

const PACKAGES = ['svelte', 'bits-ui', 'uplot'];

/** Of src-main: the contract, and calculations that window and program must do alike. Both are pure. */
const SHARED = ['contract/', 'core/pareto.ts', 'core/path-plan.ts', 'core/search-words.ts'];

/** Which folders of src-renderer each may import besides itself. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  format: [],
  text: [],
  client: [],
  state: ['client', 'text', 'format'],
  charts: ['format', 'text', 'parts'],
  parts: ['client', 'format', 'state', 'text'],
  screens: ['charts', 'client', 'format', 'parts', 'state', 'text'],
  shell: ['charts', 'client', 'format', 'parts', 'screens', 'state', 'text'],
  'main.ts': ['client', 'shell', 'styles'],
};

/**
 * What is wrong with an import, in words; null when it is allowed.
 * @param file path of the importing file relative to src-renderer, '/' separated
 */
export function windowViolationOf(file: string, specifier: string): string | null {
  const home = file.split('/')[0] ?? '';
  if (!specifier.startsWith('.')) {
    const name = specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : (specifier.split('/')[0] ?? '');
    return PACKAGES.includes(name) ? null : `the window may not import the package ${name}: it may import ${PACKAGES.join(', ')}`;
  }
  const target = join(dirname(file), specifier).split(sep).join('/');
  if (SHARED.some((shared) => target.startsWith(`../src-main/${shared}`))) return null;
  if (target.startsWith('..')) return `of what is outside, the window may import src-main/${SHARED.join(', src-main/')} only, not ${target.slice(3)}`;
  const targetHome = target.split('/')[0] ?? '';
  const allowed = FOLDERS[home];
  if (allowed === undefined) return `src-renderer/${home} is not in the window's import law: add it to tests/lint/window-law.ts`;
  return targetHome === home || allowed.includes(targetHome) ? null : `${home}/ may not import ${target}: it may import ${allowed.join(', ') || 'nothing of the window'}`;
}

export const windowLawRule: Rule.RuleModule = {
  meta: { type: 'problem', docs: { description: 'keeps the arrows between the folders of src-renderer' }, schema: [], messages: { law: 'Import law: {{violation}}.' } },
  create(context) {
    const path = relative(join(context.cwd, 'src-renderer'), context.filename).split(sep).join('/');
    if (path.startsWith('..')) return {};
    return {
      ImportDeclaration(node) {
        const { value } = node.source;
        const violation = typeof value === 'string' ? windowViolationOf(path, value) : null;
        if (violation !== null) context.report({ node, messageId: 'law', data: { violation } });
      },
    };
  },
};
