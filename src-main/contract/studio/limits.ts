/** @file Contract: what a request may weigh. A file of its own, so that the door need not load the whole table. */

/** Largest request, as JSON text. Pictures travel by grants, never inside a request. */
export const MAX_REQUEST_BYTES = 20 * 2 ** 20;
