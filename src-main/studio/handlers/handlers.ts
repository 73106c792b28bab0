/** @file The type of a table of handlers: a request cannot be forgotten, nor answered with something else. */
import type { ParsedInput, RequestName, RequestOutput } from '../../contract/studio/contract.ts';
import type { StudioContext } from '../context.ts';

export type Handlers<Names extends RequestName> = { [K in Names]: (context: StudioContext, input: ParsedInput<K>) => RequestOutput<K> | Promise<RequestOutput<K>> };
