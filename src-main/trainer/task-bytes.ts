/** @file The bytes of a task by its open layers: what a budget of a run is held against. */
export { measureTaskBytes } from '../formats/measure-task.ts';
