import { createHash } from "node:crypto";
import type { Container } from "@azure/cosmos";
import { RetryBudget, statusOf, type RetryClock } from "../store/cosmosRetry.ts";

/** The partition key of what is set aside. No tenant can have this name: the alphabet of tenants has no "$". */
export const deadLetterKey = "$sequencing";
const sourceLengthMax = 200;
const validMilliseconds = 2_000;
const timeoutMilliseconds = 3_000;

/** Whether every event that could have a number has one, or is on its way to it. */
export interface SequencingHealth {
  readonly isComplete: boolean;
  readonly description: string;
}

/**
 * Events that can never be sequenced, set aside in the container `control` so that they do not hold up all others.
 *
 * They stay until somebody has looked at them: the health check tells how many there are.
 */
export class DeadLetters {
  readonly #container: Container;
  readonly #clock: RetryClock;
  #last: { readonly at: number; readonly health: Promise<SequencingHealth> } | undefined;

  constructor(container: Container, clock: RetryClock) {
    this.#container = container;
    this.#clock = clock;
  }

  /** Sets an event aside. Doing so again changes nothing. */
  async put(letter: {
    readonly changeId: string;
    readonly tenant: string;
    readonly partition: string;
    readonly study: string;
    /** Of the code, never of the data: what is wrong with it. */
    readonly reason: string;
  }): Promise<void> {
    const { changeId, tenant, partition, study, reason } = letter;
    await new RetryBudget(this.#clock).repeat(
      async () =>
        await this.#container.items.upsert({
          // Nothing is known of what is wrong with the texts: they may not do as an id, and be of any length.
          id: createHash("sha256")
            .update(JSON.stringify([tenant, partition, study, changeId]))
            .digest("hex"),
          tenant: deadLetterKey,
          kind: "deadLetter",
          source: {
            tenant: tenant.slice(0, sourceLengthMax),
            partition: partition.slice(0, sourceLengthMax),
            study: study.slice(0, sourceLengthMax),
            changeId: changeId.slice(0, sourceLengthMax),
          },
          reason,
        }),
    );
  }

  /** Tells how many events are set aside. Never throws, and asks the database at most every two seconds. */
  async probe(): Promise<SequencingHealth> {
    const now = this.#clock.now();
    if (this.#last === undefined || now - this.#last.at > validMilliseconds) {
      this.#last = { at: now, health: this.#look() };
    }
    return await this.#last.health;
  }

  async #look(): Promise<SequencingHealth> {
    try {
      const count = await this.count();
      return {
        isComplete: count === 0,
        description:
          count === 0
            ? "No event is set aside."
            : `Events that could not be sequenced and are set aside: ${count}.`,
      };
    } catch (error) {
      return {
        isComplete: false,
        description: `Failed with ${String(statusOf(error) ?? "an error")}.`,
      };
    }
  }

  /** Counts what is set aside. */
  async count(): Promise<number> {
    const { resources } = await this.#container.items
      .query<number>(
        {
          query: "SELECT VALUE COUNT(1) FROM c WHERE c.tenant = @tenant AND c.kind = @kind",
          parameters: [
            { name: "@tenant", value: deadLetterKey },
            { name: "@kind", value: "deadLetter" },
          ],
        },
        { partitionKey: deadLetterKey, abortSignal: AbortSignal.timeout(timeoutMilliseconds) },
      )
      .fetchAll();
    return resources[0] ?? 0;
  }
}
