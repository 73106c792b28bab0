/** @file Every request and the function that answers it. */
import type { RequestName } from '../../contract/studio/contract.ts';
import { appHandlers } from './app.ts';
import { compareHandlers } from './compare.ts';
import { exportHandlers } from './export.ts';
import type { Handlers } from './handlers.ts';
import { imageHandlers } from './images.ts';
import { jointHandlers } from './joint.ts';
import { libraryHandlers } from './library.ts';
import { resultHandlers } from './results.ts';
import { runHandlers } from './runs.ts';
import { sweepHandlers } from './sweeps.ts';

export const HANDLERS: Handlers<RequestName> = { ...appHandlers, ...libraryHandlers, ...imageHandlers, ...runHandlers, ...sweepHandlers, ...jointHandlers, ...resultHandlers, ...compareHandlers, ...exportHandlers };
