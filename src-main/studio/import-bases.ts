/** @file Model files that become bases: the embedded one, and those a person chooses. */
import { TapsError } from '../contract/errors.ts';
import type { ParsedInput } from '../contract/studio/contract.ts';
import type { BaseCard } from '../contract/studio/library.ts';
import { importBase, type ImportBaseOptions } from '../services/import-base.ts';
import type { StudioContext } from './context.ts';
import { EMBEDDED_BASE, embeddedBaseFile } from './resources.ts';
import { baseCard } from './views/cards.ts';

/** The base that is there already when it was imported before, whatever it is called now. */
export async function importEmbedded(context: StudioContext, operationId: string): Promise<BaseCard> {
  const file = embeddedBaseFile();
  if (file === null) throw new TapsError('not-found', 'The program came without its embedded base.', 'Install it again, or import a model file of your own.');
  const { base } = await importAs(context, operationId, { path: file.path, name: EMBEDDED_BASE.name });
  return base;
}

export function importBaseFile(context: StudioContext, { file, name, preprocessing, imageSize, operationId }: ParsedInput<'base.import'>): Promise<{ base: BaseCard; alreadyThere: boolean }> {
  return importAs(context, operationId, { path: context.grants.pathOf(file), name, preprocessing, imageSize });
}

function importAs(context: StudioContext, operationId: string, options: Omit<ImportBaseOptions, 'signal'>): Promise<{ base: BaseCard; alreadyThere: boolean }> {
  return context.operations.run(operationId, 'Reading the model', async ({ signal }) => {
    const { session } = context;
    if (options.name !== undefined) await session.removals.finishNamed('base', options.name);
    const { base, alreadyThere } = await importBase(session.library, { ...options, signal });
    session.removals.restore('base', base.id);
    context.events.libraryChanged();
    return { base: baseCard(session, base), alreadyThere };
  });
}
