import { AsyncLocalStorage } from "node:async_hooks";

/** What an access turned out to be about, beyond what its path says. */
export interface AccessNote {
  readonly studyInstanceUID?: string;
  readonly sopInstanceUID?: string;
  readonly patientID?: string | undefined;
  /** What a query that came as a form asked for, as names and values. */
  readonly parameters?: Iterable<readonly [string, string]>;
}

/** Who makes a request, by which a change that it causes is ascribed to them. */
export interface AccessAuthor {
  readonly issuer: string;
  readonly subject: string;
  readonly correlationId: string;
}

/** More than these are counted and not named, so that an event stays small. */
const namesMax = 100;

/** Collects, while a request is served, the studies, instances and patients that it is about. */
export class AccessNotes {
  readonly #studies = new Set<string>();
  readonly #instances = new Set<string>();
  readonly #patients = new Set<string>();
  readonly #parameters: [string, string][] = [];
  #instanceCount = 0;
  /** Absent until the caller is known. */
  author: AccessAuthor | undefined;

  add({ studyInstanceUID, sopInstanceUID, patientID, parameters = [] }: AccessNote): void {
    for (const [name, value] of parameters) {
      this.#parameters.push([name, value]);
    }
    addUpTo(this.#studies, studyInstanceUID);
    addUpTo(this.#patients, patientID);
    addUpTo(this.#instances, sopInstanceUID);
    this.#instanceCount += sopInstanceUID === undefined ? 0 : 1;
  }

  get studyInstanceUIDs(): readonly string[] {
    return [...this.#studies];
  }

  get sopInstanceUIDs(): readonly string[] {
    return [...this.#instances];
  }

  get parameters(): readonly (readonly [string, string])[] {
    return this.#parameters;
  }

  get patientIDs(): readonly string[] {
    return [...this.#patients];
  }

  /** How many instances were noted, named or not. */
  get instanceCount(): number {
    return this.#instanceCount;
  }
}

function addUpTo(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && name !== "" && names.size < namesMax) {
    names.add(name);
  }
}

const current = new AsyncLocalStorage<AccessNotes>();

/** Runs `work` so that what {@link noteAccess} is told in it goes to `notes`. */
export function noting<T>(notes: AccessNotes, work: () => T): T {
  return current.run(notes, work);
}

/** Who makes the request at hand; nobody outside of a request, or when that is not known. */
export function accessAuthor(): AccessAuthor | undefined {
  return current.getStore()?.author;
}

/** Notes what the request at hand is about, for its audit event; outside of a request it does nothing. */
export function noteAccess(note: AccessNote): void {
  current.getStore()?.add(note);
}
