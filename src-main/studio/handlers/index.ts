/** @file Every request and the function that answers it. */
import { TapsError } from '../../contract/errors.ts';
import { STUDIO_REQUESTS, type ParsedInput, type RequestName, type RequestOutput } from '../../contract/studio/contract.ts';
import type { StudioContext } from '../context.ts';

export type Handlers<Names extends RequestName> = { [K in Names]: (context: StudioContext, input: ParsedInput<K>) => RequestOutput<K> | Promise<RequestOutput<K>> };

const notThereYet = (): never => {
  throw new TapsError('internal', 'not there yet', '');
};

export const HANDLERS = Object.fromEntries(Object.keys(STUDIO_REQUESTS).map((name) => [name, notThereYet])) as unknown as Handlers<RequestName>;
