/** @file The one object through which screens talk to the main side. Failures are thrown as `TapsError`. */
import { errorFromEnvelope } from '../../src-main/contract/errors.ts';
import type { RequestInput, RequestName, RequestOutput } from '../../src-main/contract/studio/contract.ts';
import type { StudioEvent, StudioEventName } from '../../src-main/contract/studio/events.ts';
import type { Transport } from './transport.ts';

type PayloadOf<K extends StudioEventName> = Extract<StudioEvent, { name: K }>['payload'];

export class StudioClient {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** @throws TapsError as the main side said it */
  async request<K extends RequestName>(name: K, input: RequestInput<K>): Promise<RequestOutput<K>> {
    const reply = await this.transport.request(name, input);
    if (!reply.ok) throw errorFromEnvelope(reply.error);
    return reply.value;
  }

  /** Returns the function that ends the subscription. */
  on<K extends StudioEventName>(name: K, listener: (payload: PayloadOf<K>) => void): () => void {
    return this.transport.onEvent((event) => {
      if (event.name === name) listener(event.payload as PayloadOf<K>);
    });
  }

  /** For `operationId`: work whose progress comes as events and that can be cancelled. */
  newOperationId(): string {
    return crypto.randomUUID();
  }
}
