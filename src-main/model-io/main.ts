/** @file The model-file child: the only process that opens foreign model files; also the fresh process that proves an export. */
import { serveRequests } from '../supervisor/serve-requests.ts';
import { checkParity, exportModel } from './export-model.ts';
import { importModel } from './import-model.ts';
import { measureBudget } from './measure-budget.ts';
import type { BudgetRequest, ExportRequest, ImportRequest, ParityRequest } from './protocol.ts';

serveRequests({
  import: (payload: ImportRequest) => importModel(payload),
  export: (payload: ExportRequest) => exportModel(payload),
  parity: (payload: ParityRequest) => checkParity(payload),
  budget: (payload: BudgetRequest) => measureBudget(payload),
});
