/** @file The environment of children: huge pages for the trainer's memory, nothing else, and what the person has set stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnvironment } from '../../src-main/supervisor/child-environment.ts';

const own = { PATH: '/bin' };

test('a trainer on Linux asks for huge pages', () => {
  assert.deepEqual(childEnvironment('trainer', own, 'linux'), { PATH: '/bin', GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' });
  assert.deepEqual(own, { PATH: '/bin' });
});

test('other children and other systems have their owner’s environment', () => {
  assert.equal(childEnvironment('codec', own, 'linux'), own);
  assert.equal(childEnvironment('trainer', own, 'darwin'), own);
});

test('tunables that the person has set stay', () => {
  assert.equal(childEnvironment('trainer', { GLIBC_TUNABLES: 'glibc.malloc.arena_max=2' }, 'linux')['GLIBC_TUNABLES'], 'glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1');
  const chosen = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=2' };
  assert.equal(childEnvironment('trainer', chosen, 'linux'), chosen);
});
