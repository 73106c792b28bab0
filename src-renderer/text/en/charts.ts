/** @file Words of the charts. */
export const charts = {
  actualByPredicted: 'True class by predicted class',
  rowsAre: '↓ true class',
  columnsAre: 'predicted class →',
  openLayers: 'open layers',
  columns: 'Columns',
  layerCell: (layer: string, column: string, state: string, value: string): string => `${layer}, ${column}: ${state}, ${value}`,
};
