/** @file What a child finds in its environment beyond what its owner has. */

const TUNABLES = 'GLIBC_TUNABLES';
const HUGE_PAGES = 'glibc.malloc.hugetlb';

/**
 * Asks the C library of a trainer for memory in huge pages (2 MB instead of 4 kB), of which a network's weights and activations fill many: a training
 * step that streams through hundreds of megabytes spends less time on looking up pages. glibc 2.35 and newer heed it where the kernel gives
 * huge pages on request; all others ignore it. What the person has set stays. Source: glibc manual, "Memory Allocation Tunables".
 *
 * @param name of the child, as a `Spawner` gets it @param own the owner's environment, which is not changed
 */
export function childEnvironment(name: string, own: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): NodeJS.ProcessEnv {
  const tunables = own[TUNABLES] ?? '';
  if (name !== 'trainer' || platform !== 'linux' || tunables.includes(HUGE_PAGES)) return own;
  return { ...own, [TUNABLES]: [...(tunables === '' ? [] : [tunables]), `${HUGE_PAGES}=1`].join(':') };
}
