/**
 * Lets so much be spent per second on average, and what has been saved up over a short while at once.
 *
 * Times are in milliseconds and never go back.
 */
export class TokenBucket {
  readonly perSecond: number;
  readonly #capacity: number;
  #balance: number;
  #at: number;

  /** It begins full: with what `burstSeconds` bring, and 1 at least. */
  constructor(perSecond: number, burstSeconds: number, now: number) {
    this.perSecond = perSecond;
    this.#capacity = Math.max(1, perSecond * burstSeconds);
    this.#balance = this.#capacity;
    this.#at = now;
  }

  /** How many seconds it takes until there is `amount`, which is at most 1; 0 when there is. */
  secondsUntil(amount: number, now: number): number {
    this.#refill(now);
    return this.#balance >= amount ? 0 : (amount - this.#balance) / this.perSecond;
  }

  /** Spends, also what is not there: what something costs may be known only afterwards. */
  spend(amount: number, now: number): void {
    this.#refill(now);
    this.#balance -= amount;
  }

  #refill(now: number): void {
    const seconds = Math.max(0, now - this.#at) / 1_000;
    this.#balance = Math.min(this.#capacity, this.#balance + seconds * this.perSecond);
    this.#at = now;
  }
}
