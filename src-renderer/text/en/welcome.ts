/** @file Words of the first screen. */
export const welcome = {
  title: 'One network, many tasks',
  lead: 'TAPS Studio adapts a pretrained network to your pictures by changing only the layers a task needs. Each new task costs a fraction of a copy, and leaves as a model file that runs anywhere.',
  steps: [
    ['Choose a sample', 'or bring folders of your own pictures'],
    ['Watch it learn', 'layers open and close while it trains, on this computer'],
    ['Compare and export', 'accuracy against bytes, then one proven ONNX file'],
  ] as const,
  sampleTitle: 'Try it now',
  sampleHint: 'Uses a small embedded network and sample pictures. About two minutes, nothing is downloaded.',
  start: (title: string): string => `Learn “${title}”`,
  sampleFacts: (classes: number, images: number): string => `${String(classes)} classes, ${String(images)} pictures`,
  preparing: 'Preparing the sample…',
  own: 'Bring your own',
  ownHint: 'A model as ONNX or TensorFlow.js, and a folder with one sub-folder of pictures per class.',
  importBase: 'Import a model…',
  newTask: 'Start with my pictures…',
  skip: 'Go to the library',
  unavailable: 'The embedded samples are not part of this installation.',
};
