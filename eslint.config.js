/** @file Lint: strict type-checked rules, the import law (tests/lint/import-law.ts) and the size of files. */
import svelte from 'eslint-plugin-svelte';
import tseslint from 'typescript-eslint';
import { importLawRule } from './tests/lint/import-law.ts';
import { windowLawRule } from './tests/lint/window-law.ts';

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', 'resources/**', 'shared/**', 'tests/fixtures/**', '**/*_pb.js', '**/*_pb.d.ts'] },
  {
    files: ['src-main/**/*.ts', 'tests/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { taps: { rules: { 'import-law': importLawRule } } },
    rules: {
      'taps/import-law': 'error',
      'max-lines': ['error', { max: 350 }],
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      // Numbers in messages are the point of a message.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `while (true)` with an exit inside says what it means.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
      // node:test's functions return promises that the runner itself awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }] },
      ],
    },
  },
  ...svelte.configs.recommended,
  // The window: types are checked by svelte-check, which knows Svelte's own.
  {
    files: ['src-renderer/**/*.svelte', 'src-renderer/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  { files: ['src-renderer/**/*.ts'], ignores: ['**/*.svelte.ts'], languageOptions: { parser: tseslint.parser } },
  {
    files: ['src-renderer/**/*.ts', 'src-renderer/**/*.svelte'],
    plugins: { '@typescript-eslint': tseslint.plugin, taps: { rules: { 'window-law': windowLawRule } } },
    rules: {
      'taps/window-law': 'error',
      'max-lines': ['error', { max: 350 }],
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // No text of a person or a file is ever HTML.
      'svelte/no-at-html-tags': 'error',
      // A style attribute in the markup would need a weaker content security policy; `style:name` does not.
      'no-restricted-syntax': ['error', { selector: "SvelteAttribute[key.name='style']", message: 'Use style:name={…}: the content security policy forbids style attributes.' }],
      // Sets that are made, used and forgotten in one function need no reactivity.
      'svelte/prefer-svelte-reactivity': 'off',
      // Addresses after '#' are this window's own.
      'svelte/no-navigation-without-resolve': 'off',
    },
  },
  {
    // These talk to a person or to a log; everything else returns data.
    files: ['src-main/cli/**', 'tests/**'],
    rules: { 'no-console': 'off' },
  },
);
